"""Links to other tools, one module each; none is imported unless it is asked for."""
