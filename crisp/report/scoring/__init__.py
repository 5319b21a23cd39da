"""Check and score submissions of the MediaEval sport task, whoever made them."""
