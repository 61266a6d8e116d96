"""SGD as [R] section 4.2 has it. Receives a module and batches; knows neither nets nor data sets by name."""
