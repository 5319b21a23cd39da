"""One model on test samples and test videos."""
