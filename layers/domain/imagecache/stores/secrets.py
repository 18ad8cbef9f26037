"""Secrets: SSM SecureStrings below one path. The template and environment variables contain no secrets."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imagecache.aws_errors import aws_errors_translated

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm.type_defs import ParameterTypeDef


@dataclass(frozen=True, slots=True)
class _Version:
    """The version of a parameter: its number, and the time at which this version was created.

    The number alone does not do: it begins again at 1 if the parameter is deleted and created anew. The time
    may be a number, if the answer was not parsed by botocore. It is only compared.
    """

    number: int
    created_at: "datetime | float"


@dataclass(frozen=True, slots=True)
class _Decrypted:
    value: str = field(repr=False)
    version: _Version


class Secrets:
    """Reads the parameters `<path>/<name>`.

    A replaced value is returned by the next call. Each decryption of a parameter is billed by KMS, and no
    other request is billed. So a value is decrypted when it is first read, and again when SSM has a version
    of it that this object has not decrypted.
    """

    def __init__(self, *, path: str, ssm: "SSMClient") -> None:
        self._path = path
        self._ssm = ssm
        self._decrypted: dict[str, _Decrypted] = {}

    def get(self, name: str) -> str:
        """Returns the value, or an empty text if it is not set. Raises StoreUnavailableError.

        With an empty token, the server that it is for answers 401, which is reported like any wrong token.
        """
        return self.read(name).get(name, "")

    @aws_errors_translated()
    def read(self, *names: str) -> dict[str, str]:
        """Returns each of these values that is set, by name. SSM allows ten names.

        The first call sends one request. Later ones send one as well, and a second one if there is a value
        to decrypt. Raises StoreUnavailableError.
        """
        to_decrypt = self._replaced(names) if self._decrypted else names
        if to_decrypt:
            self._decrypt(to_decrypt)
        return {name: self._decrypted[name].value for name in names if name in self._decrypted}

    def _replaced(self, names: Iterable[str]) -> list[str]:
        """Returns the names whose version in SSM was not decrypted yet. Forgets what is not set now."""
        versions = {name: _version(found) for name, found in self._parameters(names, decrypted=False).items()}
        self._forget(set(names) - versions.keys())
        return [
            name
            for name, version in versions.items()
            if name not in self._decrypted or self._decrypted[name].version != version
        ]

    def _decrypt(self, names: Iterable[str]) -> None:
        """Reads and keeps the values of these names, and forgets those that are not set now.

        The version is that of the decrypted value. SSM may already have a newer one, which the next call
        finds.
        """
        found = self._parameters(names, decrypted=True)
        self._forget(set(names) - found.keys())
        for name, parameter in found.items():
            self._decrypted[name] = _Decrypted(parameter["Value"], _version(parameter))

    def _parameters(self, names: Iterable[str], *, decrypted: bool) -> dict[str, "ParameterTypeDef"]:
        """Returns the parameters that are set, by name. Their values are encrypted unless `decrypted`."""
        paths = [f"{self._path}/{name}" for name in names]
        answer = self._ssm.get_parameters(Names=paths, WithDecryption=decrypted)
        return {parameter["Name"].rpartition("/")[2]: parameter for parameter in answer["Parameters"]}

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._decrypted.pop(name, None)


def _version(parameter: "ParameterTypeDef") -> _Version:
    return _Version(parameter["Version"], parameter["LastModifiedDate"])
