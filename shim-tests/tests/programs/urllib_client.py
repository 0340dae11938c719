"""One request."""

import sys
import urllib.request

with urllib.request.urlopen(sys.argv[1], timeout=20) as response:
    print(response.read().decode())
