"""Limits the memory of a process that decodes pictures, so that a picture fails instead of its worker.

AWS kills a function that uses more than its MemorySize, with everything that it is working on. Pictures
reserve what they take by what they announce, but the pixels inside an AVIF file can be more than its header
says. With this limit the decoder gets no memory for them, and only that picture, or those beside it, fail.
"""

import os
import resource
from collections.abc import Mapping

from imagecache.imaging.reservations import MB

# For what the limit does not count: libraries that are mapped from files, and the runtime of AWS.
_NOT_COUNTED_BYTES = 128 * MB


def limit_memory(environ: Mapping[str, str] = os.environ) -> None:
    """Limits the data of this process to the function's MemorySize, less what else it takes.

    Lambda, and the local engine, give the MemorySize in the environment. Without it nothing is limited.
    """
    size = int(environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0")) * MB
    if size <= _NOT_COUNTED_BYTES:
        return
    limit = size - _NOT_COUNTED_BYTES
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
