"""All queries. A repository is made for one organisation and sees nothing of another; only `Directory` looks across."""
