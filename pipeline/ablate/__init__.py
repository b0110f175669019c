"""Studies at equal budgets, which give questions their evidence."""
