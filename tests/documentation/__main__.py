"""Write the pages that follow from declarations: `python -m tests.documentation`."""

from .generated import pages

for path, text in pages().items():
    path.write_text(text)
