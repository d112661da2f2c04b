"""From result rows to laws, intervals, tables and figures; knows nothing of how the rows were made."""
