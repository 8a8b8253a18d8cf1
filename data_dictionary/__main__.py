"""Write the pages of the data dictionary again: `make dictionary`."""

from data_dictionary.declared import outputs
from data_dictionary.meanings import table
from data_dictionary.pages import PAGES, pages

if __name__ == "__main__":
    declared = outputs()
    for name, content in pages(declared, {output.name: table(output.name) for output in declared}).items():
        (PAGES / name).write_text(content, encoding="utf-8")
