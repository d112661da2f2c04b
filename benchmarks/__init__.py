"""Speed against bare loops and raw engines, both sides in one process, by turns. See README.md."""
