"""Write the pages that follow from declarations: `python -m tests.documentation`."""

from . import contents
from .generated import pages
from .messages import PAGE, troubleshooting_page

for path, text in (*pages().items(), (PAGE, troubleshooting_page())):
    path.write_text(text)
for page in contents.PAGES:
    page.write_text(contents.with_contents(page))
