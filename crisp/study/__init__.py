"""Study definition: config, tables, samples and splits."""
