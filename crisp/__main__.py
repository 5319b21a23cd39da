"""``python -m crisp`` is ``crisp``."""

from crisp.cli import main

if __name__ == "__main__":
    main()
