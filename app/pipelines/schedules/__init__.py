"""Schedules: when a cron expression ticks, their rows, and the runs that ticks start."""
