"""Everything a command prints: tables for people, plain numbers for programs."""
