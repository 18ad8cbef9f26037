"""Secrets: SSM SecureStrings below one path. The template and environment variables contain no secrets."""

from typing import TYPE_CHECKING

from imagecache.aws_errors import aws_errors_translated

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


class Secrets:
    """Reads the parameters `<path>/<name>`."""

    def __init__(self, *, path: str, ssm: "SSMClient") -> None:
        self._path = path
        self._ssm = ssm

    def get(self, name: str) -> str:
        """Returns the value, or an empty text if it is not set. Raises StoreUnavailableError.

        With an empty token, the server that it is for answers 401, which is reported like any wrong token.
        """
        return self.read(name).get(name, "")

    @aws_errors_translated()
    def read(self, *names: str) -> dict[str, str]:
        """Returns each of these values that is set, by name, in one call. SSM allows ten names.

        Raises StoreUnavailableError.
        """
        paths = [f"{self._path}/{name}" for name in names]
        answer = self._ssm.get_parameters(Names=paths, WithDecryption=True)
        return {
            parameter["Name"].rpartition("/")[2]: parameter["Value"] for parameter in answer["Parameters"]
        }
