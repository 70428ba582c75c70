"""The checks of the data gate, one a file. None of them knows where rows come from or what is done about a finding."""
