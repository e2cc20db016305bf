"""Profiles, the real ones over stores in memory, for the fake of a session service that saves."""

from agent_browser.errors import CheckpointNotFound
from agent_browser.models.checkpoints import State
from agent_browser.models.profiles import Profile, ProfileInput, ProfileList
from agent_browser.models.state import StateDocument
from agent_browser.pool.profiles import Profiles
from agent_browser.service import Caller
from agent_browser.session.documents import from_document
from tests.api.saved import KeptStates, SavedSessions


class ProfiledSessions(SavedSessions):
    """The part of a session service that has profiles. A fake that is one has `held_profiles`."""

    kept: KeptStates
    held_profiles: Profiles

    async def _capture(self, caller: Caller, session_id: str, checkpoint_id: str | None) -> State:
        session = await self.live(caller, session_id)
        if checkpoint_id is None:
            return from_document(self.kept.documents.get(session.id, StateDocument()))
        for checkpoint, document in self.kept.checkpoints.get(session.id, []):
            if checkpoint.id == checkpoint_id:
                return from_document(document)
        raise CheckpointNotFound(checkpoint_id)

    async def profiles(self, caller: Caller) -> ProfileList:
        return await self.held_profiles.profiles(caller)

    async def profile(self, caller: Caller, name: str) -> Profile:
        return await self.held_profiles.profile(caller, name)

    async def put_profile(self, caller: Caller, name: str, request: ProfileInput) -> Profile:
        return await self.held_profiles.put_profile(caller, name, request, capture=self._capture)

    async def profile_state(self, caller: Caller, name: str) -> StateDocument:
        return await self.held_profiles.profile_state(caller, name)

    async def delete_profile(self, caller: Caller, name: str) -> None:
        await self.held_profiles.delete_profile(caller, name)
