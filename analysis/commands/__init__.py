"""The commands of the analysis, one file per verb; `verbs` lists them."""
