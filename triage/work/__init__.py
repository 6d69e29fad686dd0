"""Durable jobs: the only place that imports the job library."""
