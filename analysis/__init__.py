"""From result rows to laws, intervals, tables and figures; independent of the code that trains models."""
