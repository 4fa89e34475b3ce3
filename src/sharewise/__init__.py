"""sharewise: which parts of a network should several tasks share, under a budget."""
