"""What a study is and says."""
