"""What an answer is worth: rules that can be verified, and trained scorers. Used in training and in the evaluation."""
