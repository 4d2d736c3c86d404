"""What is removed of finished runs, and when. The runs themselves and the ledger stay."""
