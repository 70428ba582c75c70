"""Every side effect of the operator, each in one named place. Nothing here decides what a run needs: `core` does."""
