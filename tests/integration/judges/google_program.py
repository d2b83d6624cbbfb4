"""Google's own client library as a program: a request on each line of its input, an answer on each line of its output.

It runs in the environment of the judges (.local/judges), where nothing of this project is.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from typing import Any

import httplib2
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from google_auth_oauthlib.flow import InstalledAppFlow
from googleapiclient.discovery import build
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseDownload

SCOPE = "https://www.googleapis.com/auth/drive.readonly"


class Client:
    """Drive v3 at `base`; `account` has the client's id and secret, and the tokens."""

    def __init__(self, base: str, authority: str, account: dict[str, str]) -> None:
        self._base, self._authority, self._account = base, authority, account
        self.connect({})

    def connect(self, changes: dict[str, str]) -> dict[str, Any]:
        """Take other tokens."""
        account = self._account | changes
        credentials = Credentials(
            account["access_token"] or None,
            refresh_token=account["refresh_token"],
            token_uri=f"{self._base}/token",
            client_id=account["client_id"],
            client_secret=account["client_secret"],
        )
        http = self._http = AuthorizedHttp(credentials, http=httplib2.Http(ca_certs=self._authority))
        options = {"api_endpoint": f"{self._base}/drive/v3/"}
        self._drive = build("drive", "v3", http=http, client_options=options, static_discovery=True)
        return {}

    def pages(self, params: dict[str, Any]) -> list[Any]:
        """Every page of files.list, as the library goes through them."""
        files, pages = self._drive.files(), []
        request = files.list(**params)
        while request is not None:
            pages.append(request.execute())
            request = files.list_next(request, pages[-1])
        return pages

    def changes(self, params: dict[str, Any]) -> list[Any]:
        """Every page of changes.list."""
        changes, pages = self._drive.changes(), []
        request = changes.list(**params)
        while request is not None:
            pages.append(request.execute())
            request = changes.list_next(request, pages[-1])
        return pages

    def start(self, params: dict[str, Any]) -> Any:
        """changes.getStartPageToken."""
        return self._drive.changes().getStartPageToken(**params).execute()

    def get(self, params: dict[str, Any]) -> Any:
        """files.get; a request that is told to slow down is made once more."""
        return self._drive.files().get(**params).execute(num_retries=1)

    def thumbnail(self, params: dict[str, Any]) -> dict[str, Any]:
        """What the thumbnailLink of a file leads to, asked for with the credentials."""
        link = self.get({**params, "fields": "hasThumbnail,thumbnailLink"})
        answer, content = self._http.request(link["thumbnailLink"])
        return {**link, "status": answer.status, "type": answer["content-type"], "content": content.hex()}

    def schemas(self, params: dict[str, Any]) -> Any:
        """What Google's description of Drive v3 says of these resources: names of fields to their types."""
        schemas = json.loads(get_static_doc("drive", "v3"))["schemas"]
        return {name: _types(schemas[name]) for name in params["names"]}

    def about(self, params: dict[str, Any]) -> Any:
        """about.get."""
        return self._drive.about().get(**params).execute()

    def drives(self, params: dict[str, Any]) -> Any:
        """drives.list."""
        return self._drive.drives().list(**params).execute()

    def drive(self, params: dict[str, Any]) -> Any:
        """drives.get."""
        return self._drive.drives().get(**params).execute()

    def download(self, params: dict[str, Any]) -> dict[str, Any]:
        """A file in ranges of `chunk` bytes, or one of its revisions."""
        chunk, revision = params.pop("chunk"), params.pop("revision", None)
        if revision is None:
            request = self._drive.files().get_media(**params)
        else:
            request = self._drive.revisions().get_media(revisionId=revision, **params)
        content, parts, done = io.BytesIO(), 0, False
        download = MediaIoBaseDownload(content, request, chunksize=chunk)
        while not done:
            _, done = download.next_chunk()
            parts += 1
        return {"sha256": hashlib.sha256(content.getvalue()).hexdigest(), "parts": parts}

    def authorize(self, params: dict[str, Any]) -> dict[str, Any]:
        """The whole flow of an installed app; the address of the consent page is a line of its own."""
        client = {
            "client_id": self._account["client_id"],
            "client_secret": self._account["client_secret"],
            "auth_uri": f"{self._base}/o/oauth2/v2/auth",
            "token_uri": f"{self._base}/token",
        }
        flow = InstalledAppFlow.from_client_config({"installed": client}, [SCOPE], autogenerate_code_verifier=True)
        prompt = '{{"url": "{url}"}}'
        credentials = flow.run_local_server(
            port=0, open_browser=False, authorization_prompt_message=prompt, timeout_seconds=60, **params
        )
        return {"access_token": credentials.token, "refresh_token": credentials.refresh_token}


def _types(schema: dict[str, Any]) -> dict[str, str]:
    """Each field's type; that of a field which is another resource is object."""
    return {name: one.get("type", "object") for name, one in schema["properties"].items()}


def answered(client: Client, request: dict[str, Any]) -> dict[str, Any]:
    """The result of a request, or the error that the library raises for it."""
    try:
        return {"result": getattr(client, request["do"])(request["params"])}
    except HttpError as error:
        return {"status": error.status_code, "reason": error.error_details[0]["reason"], "text": error.reason}
    except RefreshError as error:
        return {"refresh": error.args[1]["error"]}


def main() -> None:
    """Serve until the input ends. The first line says where and as whom."""
    sys.stdout.reconfigure(line_buffering=True)
    client = Client(**json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answered(client, json.loads(line))) + "\n")


if __name__ == "__main__":
    main()
