"""Other tools' per-request results as raw log rows: read, marked with what they cannot tell, sealed as rounds."""

from tokenarena_assets.importing.importer import Imported, import_files
from tokenarena_assets.importing.tools import TOOLS

__all__ = ["TOOLS", "Imported", "import_files"]
