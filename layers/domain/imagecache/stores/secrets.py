"""SSM SecureStrings below one path: what must stand neither in the template nor in an environment."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


class Secrets:
    """Values of `<path>/<name>`."""

    def __init__(self, *, path: str, ssm: "SSMClient") -> None:
        self._path = path
        self._ssm = ssm

    def get(self, name: str) -> str:
        """The value; empty when there is none: the origin then answers 401, which everybody sees."""
        return self.read(name).get(name, "")

    def read(self, *names: str) -> dict[str, str]:
        """Those of up to ten values that exist, in one call."""
        paths = [f"{self._path}/{name}" for name in names]
        answer = self._ssm.get_parameters(Names=paths, WithDecryption=True)
        return {one["Name"].rpartition("/")[2]: one["Value"] for one in answer["Parameters"]}
