"""Answers in words: tools that language models call, over what the user has exposed to them."""
