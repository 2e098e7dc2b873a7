"""`paperdesk web user`, `token`, `address` and `sign-out`: who may use the web page and the HTTP API of a desk.

Users are in one file, tokens and one-time addresses in the store of the desk's data directory. A running web process
applies each change at once.
"""

from __future__ import annotations

import getpass
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from cli import options as o
from cli.json_output import print_json
from cli.running_desks import page_url_of, running_desk
from cli.tables import show_table
from common.clock import wall_ns
from common.errors import StartError
from common.settings import load
from proto.time import utc_text
from services.web.security.auth_store import ONCE_S, AuthStore
from services.web.security.identity import ONE_TIME_USER, Role
from services.web.security.passwords import PasswordError, Passwords
from services.web.security.requester import is_loopback_name
from services.web.security.sign_in import one_time_address
from services.web.security.users import UsersFile
from services.web.settings import WebSettings

app = typer.Typer()
group = typer.Typer(help="Users, tokens and one-time addresses of the web page and the HTTP API.")
user_group = typer.Typer(help="Users, who sign in with a password.")
token_group = typer.Typer(help="Tokens, with which scripts use the HTTP API.")
app.add_typer(group, name="web")
group.add_typer(user_group, name="user")
group.add_typer(token_group, name="token")

EXAMPLE: Final = "[bold]Example[/bold]\n\n  paperdesk web {}"
PIPE_EXAMPLE: Final = f"{EXAMPLE}\n\n  pass show desk | paperdesk web {{}}"
DAY_NS: Final = 86_400 * 10**9
CONNECT_S: Final = 2.0

UserName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.", show_default=False)]
TokenName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the token.", show_default=False)]
RoleOption = Annotated[
    Role, typer.Option("--role", help="read shows everything; trade also sends commands.", show_default=False)
]
NewRole = Annotated[Role, typer.Argument(metavar="ROLE", help="read or trade.", show_default=False)]
File = Annotated[
    Path | None,
    typer.Option(
        "--users-file",
        metavar="FILE",
        help="The file of users.",
        show_default="WEB_USERS_FILE, else web_users.toml in the data directory",
    ),
]
Days = Annotated[
    int, typer.Option("--days", metavar="N", min=1, max=3_650, help="Days until the token expires, 1 to 3650.")
]


@user_group.command("add", epilog=PIPE_EXAMPLE.format("user add alice --role trade", "user add alice --role trade"))
def add_user(name: UserName, role: RoleOption, file: File = None, data_dir: o.RunningDesk = None) -> int:
    """Add a user; the password is asked for, or read as one line from a pipe."""
    users = _users_file(file, data_dir)
    users.require_free(name)  # before the password is asked for
    users.add(name, role, _new_password_hash())
    print(f"user {name} with role {role} added to {users.path}")
    return 0


@user_group.command("list", epilog=EXAMPLE.format("user list"))
def list_users(file: File = None, data_dir: o.RunningDesk = None, as_json: o.AsJson = False) -> int:
    """List the users and their roles."""
    users = _users_file(file, data_dir)
    rows = [{"name": name, "role": str(user.role)} for name, user in sorted(users.users().items())]
    return show_table(rows, ["name", "role"], f"no users in {users.path}", len(rows), as_json=as_json)


@user_group.command("remove", epilog=EXAMPLE.format("user remove alice"))
def remove_user(name: UserName, file: File = None, data_dir: o.RunningDesk = None) -> int:
    """Remove a user and end the user's sessions."""
    users = _users_file(file, data_dir)
    users.remove(name)
    print(f"user {name} removed from {users.path}; its sessions have ended")
    return 0


@user_group.command("set-role", epilog=EXAMPLE.format("user set-role alice read"))
def set_role(name: UserName, role: NewRole, file: File = None, data_dir: o.RunningDesk = None) -> int:
    """Change the role of a user and end the user's sessions."""
    users = _users_file(file, data_dir)
    users.set_role(name, role)
    print(f"user {name} has role {role}; its sessions have ended")
    return 0


@user_group.command("set-password", epilog=PIPE_EXAMPLE.format("user set-password alice", "user set-password alice"))
def set_password(name: UserName, file: File = None, data_dir: o.RunningDesk = None) -> int:
    """Change the password of a user and end the user's sessions."""
    users = _users_file(file, data_dir)
    users.require_user(name)
    users.set_password(name, _new_password_hash())
    print(f"user {name} has a new password; its sessions have ended")
    return 0


@token_group.command("add", epilog=EXAMPLE.format("token add grafana --role read --days 90"))
def add_token(
    name: TokenName, role: RoleOption, days: Days = 90, data_dir: o.RunningDesk = None, as_json: o.AsJson = False
) -> int:
    """Create a token and print it; it cannot be shown again."""
    expires_ns = wall_ns() + days * DAY_NS
    with closing(_store(data_dir)) as store:
        token = store.new_token(name, role, expires_ns)
    if as_json:
        print_json({"name": name, "role": role, "token": token, "expires_ns": expires_ns})
        return 0
    print(f"token {name} with role {role}, until {utc_text(expires_ns)}; it cannot be shown again:", file=sys.stderr)
    print(token)
    return 0


@token_group.command("list", epilog=EXAMPLE.format("token list"))
def list_tokens(data_dir: o.RunningDesk = None, as_json: o.AsJson = False) -> int:
    """List the tokens, also expired ones, without their secrets."""
    with closing(_store(data_dir)) as store:
        rows = [{**row._asdict(), "role": str(row.role)} for row in store.tokens()]
    return show_table(rows, ["name", "role", "created_ns", "expires_ns"], "no tokens", len(rows), as_json=as_json)


@token_group.command("revoke", epilog=EXAMPLE.format("token revoke grafana"))
def revoke_token(name: TokenName, data_dir: o.RunningDesk = None) -> int:
    """Remove a token; requests with it are refused at once.

    Raises:
        StartError: there is no such token.
    """
    with closing(_store(data_dir)) as store:
        if not store.revoke_token(name):
            known = ", ".join(row.name for row in store.tokens()) or "none"
            raise StartError(f"NAME: value {name[:64]!r}, expected a token of {store.path}: {known}")
    print(f"token {name} is revoked")
    return 0


@group.command("address", epilog=EXAMPLE.format("address"))
def address(
    role: Annotated[Role, typer.Option("--role", help="Role of the session.")] = Role.TRADE,
    data_dir: o.RunningDesk = None,
) -> int:
    """Print a one-time address of the page, which signs in once, within 10 minutes, in a browser on this host."""
    folder = _folder(data_dir)
    page = _page_address(folder)
    with closing(_store(folder)) as store:
        token = store.new_once(role)
    print(f"signs in once on this host, within {ONCE_S // 60} minutes, with role {role}:", file=sys.stderr)
    print(one_time_address(page, token))
    return 0


@group.command("sign-out", epilog=EXAMPLE.format("sign-out"))
def sign_out(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help=f'Only the sessions of this user; "{ONE_TIME_USER}" for those without a user.'
        ),
    ] = None,
    data_dir: o.RunningDesk = None,
) -> int:
    """End all sessions of the page, or those of one user.

    The unused one-time addresses end with the sessions without a user.

    Raises:
        StartError: the user has no session, or the store cannot be used.
    """
    with closing(_store(data_dir)) as store:
        count = store.end_sessions(name)
    print(f"ended sessions: {count}" if name is None else f"ended sessions of {name}: {count}")
    return 0


def _folder(data_dir: Path | None) -> Path:
    folder = Path(running_desk().data_dir) if data_dir is None else data_dir
    if not folder.is_dir():
        raise StartError(f"--data-dir {folder} does not exist, expected the folder of a desk")
    return folder.resolve()


def _users_file(file: Path | None, data_dir: Path | None) -> UsersFile:
    if file is None:
        settings = load(WebSettings)
        is_set = "web_users_file" in settings.model_fields_set
        file = settings.web_users_file if is_set else _folder(data_dir) / settings.web_users_file.name
    return UsersFile(file)


def _store(data_dir: Path | None) -> AuthStore:
    folder = _folder(data_dir)
    return AuthStore(folder, UsersFile(folder / "web_users.toml"))


def _page_address(folder: Path) -> str:
    """Address of the page of the desk in `folder`, which accepts a connection."""
    found = page_url_of(folder)
    if found is None:
        raise StartError(f"the address of the page of {folder} is not known, expected a running desk with a web page")
    host, port = urlsplit(found).hostname or "", urlsplit(found).port
    if not is_loopback_name(host):
        raise StartError(f"the page is at {found}, expected a loopback address; one-time addresses need one")
    try:
        socket.create_connection((host, port or 0), timeout=CONNECT_S).close()
    except OSError as error:
        raise StartError(f"{found} does not answer: {error.strerror or error}; expected a running desk") from None
    return found


def _new_password_hash() -> str:
    """Argon2id hash of a password that a person types twice, or that another program writes to a pipe."""
    try:
        if sys.stdin.isatty():
            password = getpass.getpass("Password: ")
            if getpass.getpass("Password, again: ") != password:
                raise StartError("the two passwords differ, expected the same password twice")
        else:
            password = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
        return Passwords().hash(password)
    except PasswordError as error:
        raise StartError(str(error)) from None
    except EOFError:
        raise StartError("no password was entered, expected one line") from None
