"""Result rows, cells and scans: the code that reads files."""
