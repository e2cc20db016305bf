"""Secrets, the real ones over stores in memory, for the fake of a session service that has them."""

from agent_browser.models.secrets import Secret, SecretInput, SecretList
from agent_browser.pool.secrets import Secrets
from agent_browser.service import Caller


class SecretiveSessions:
    """The part of a session service that has secrets. A fake that is one has `held_secrets`."""

    held_secrets: Secrets

    async def secrets(self, caller: Caller) -> SecretList:
        return await self.held_secrets.secrets(caller)

    async def secret(self, caller: Caller, name: str) -> Secret:
        return await self.held_secrets.secret(caller, name)

    async def put_secret(self, caller: Caller, name: str, request: SecretInput) -> Secret:
        return await self.held_secrets.put_secret(caller, name, request)

    async def delete_secret(self, caller: Caller, name: str) -> None:
        await self.held_secrets.delete_secret(caller, name)
