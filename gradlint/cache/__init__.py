"""Results kept from run to run, for files that are as they were, and so are all the files that they import.

It holds plain JSON and no code: whoever can write into the folder can change what is reported, and nothing else.
"""

from gradlint.cache.cache import Cache
from gradlint.cache.place import cache_folder, clean

__all__ = ["Cache", "cache_folder", "clean"]
