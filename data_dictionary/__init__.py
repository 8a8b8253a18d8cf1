"""The data dictionary: pages about every column of every output, made of the declarations in code and a table of
meanings (`docs/data/meanings/`). `make dictionary` writes them; a test compares."""
