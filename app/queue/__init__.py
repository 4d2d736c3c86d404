"""Wake-ups: a thin face on PgQueuer. A job says 'look at this run'; the run's row says what to do."""
