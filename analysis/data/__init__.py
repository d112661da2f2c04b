"""Result rows, cells and scans: everything that reads files."""
