"""What every room needs: errors, files, formats, figures."""
