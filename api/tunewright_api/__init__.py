"""The contract between operator, trainer, monitor and command line. Data only: nothing here reads a clock, a disk or a network."""
