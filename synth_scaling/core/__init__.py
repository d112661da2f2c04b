"""Records, hashes, stage results, FLOP counts, metrics and validation; everything else imports these."""
