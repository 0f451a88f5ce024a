use crate::{
    ChangeMembersRequest, Client, ClientError, CreateGroupRequest, DescribeGroupResponse, Group,
    SnapshotGroupResponse, TransferGroupResponse, attempt::Attempt, retry::Repeat,
};
use quorate_proto::v1::{
    CancelUpgradeRequest, CheckpointMode, DeleteGroupRequest, DescribeGroupRequest, ListGroupsRequest,
    RollbackGroupRequest, SetCheckpointsRequest, SetPoisonPolicyRequest, SetPriorityRequest,
    SnapshotGroupRequest, TransferGroupRequest, UnfreezeGroupRequest, UpgradeGroupRequest,
    VerifyUpgradeRequest, VerifyUpgradeResponse,
};

/// How many groups or plugins are asked for at a time.
pub(crate) const PAGE_SIZE: u32 = 500;

impl Client {
    /// Creates a group; returns once it takes commands. Fill in `name` and `plugin`; the rest has defaults.
    ///
    /// # Errors
    /// When it was not created, or when that is not known.
    pub async fn create_group(&self, request: CreateGroupRequest) -> Result<Group, ClientError> {
        let run = |attempt: Attempt| {
            let request = attempt.request(request.clone());
            async move { attempt.groups().create(request).await }
        };
        let response = self.call(self.anywhere(Repeat::Once), run).await?.into_inner();
        response.group.ok_or_else(|| ClientError::lost("the node's answer names no group"))
    }

    /// All groups in the order of their names, or those of one tenant.
    ///
    /// # Errors
    /// When no node could answer in time.
    pub async fn list_groups(&self, tenant: Option<&str>) -> Result<Vec<Group>, ClientError> {
        let mut groups = Vec::new();
        let mut page_token = String::new();
        loop {
            let tenant = tenant.unwrap_or_default().to_owned();
            let request = ListGroupsRequest { tenant, page_size: PAGE_SIZE, page_token: page_token.clone() };
            let run = |attempt: Attempt| {
                let request = attempt.request(request.clone());
                async move { attempt.groups().list(request).await }
            };
            let page = self.call(self.anywhere(Repeat::Harmless), run).await?.into_inner();
            groups.extend(page.groups);
            // A token that stays the same would never end.
            if page.next_page_token.is_empty() || page.next_page_token == page_token {
                return Ok(groups);
            }
            page_token = page.next_page_token;
        }
    }

    /// A group, and the replica of it on the node that answers.
    ///
    /// # Errors
    /// When there is no such group, or no node could answer in time.
    pub async fn describe_group(&self, name: &str) -> Result<DescribeGroupResponse, ClientError> {
        let run = |attempt: Attempt| {
            let request = attempt.request(DescribeGroupRequest { name: name.to_owned() });
            async move { attempt.groups().describe(request).await }
        };
        Ok(self.call(self.anywhere(Repeat::Harmless), run).await?.into_inner())
    }

    /// A group, and the replica of it on the node at this address.
    ///
    /// # Errors
    /// When there is no such group, or that node does not answer in time.
    pub async fn describe_group_at(
        &self,
        address: &str,
        name: &str,
    ) -> Result<DescribeGroupResponse, ClientError> {
        let run = |attempt: Attempt| {
            let request = attempt.request(DescribeGroupRequest { name: name.to_owned() });
            async move { attempt.groups().describe(request).await }
        };
        Ok(self.call_at(address, run).await?.into_inner())
    }

    /// Deletes a group with all its data; returns the number that it had. There is no way back.
    ///
    /// # Errors
    /// When it was not deleted, or when that is not known.
    pub async fn delete_group(&self, name: &str) -> Result<u64, ClientError> {
        let run = |attempt: Attempt| {
            let request = attempt.request(DeleteGroupRequest { name: name.to_owned() });
            async move { attempt.groups().delete(request).await }
        };
        Ok(self.call(self.anywhere(Repeat::Once), run).await?.into_inner().id)
    }

    /// Takes a snapshot of a group at its leader now.
    ///
    /// # Errors
    /// When none was taken.
    pub async fn snapshot_group(&self, name: &str) -> Result<SnapshotGroupResponse, ClientError> {
        let run = |attempt: Attempt| {
            let request = attempt.request(SnapshotGroupRequest { name: name.to_owned() });
            async move { attempt.groups().snapshot(request).await }
        };
        Ok(self.call(self.at_leader(name, Repeat::Harmless), run).await?.into_inner())
    }

    /// Asks for other members of a group; returns the group with the change once it is taken down. The group's leader brings
    /// it about: [`Client::describe_group`] shows how far it is.
    ///
    /// # Errors
    /// When it was not taken down.
    pub async fn change_members(&self, request: ChangeMembersRequest) -> Result<Group, ClientError> {
        let run = |attempt: Attempt| {
            let request = attempt.request(request.clone());
            async move { attempt.groups().change_members(request).await }
        };
        let response = self.call(self.anywhere(Repeat::Harmless), run).await?.into_inner();
        response.group.ok_or_else(|| ClientError::unexpected("the node's answer names no group"))
    }

    /// Says which published version of a plugin a group is to run; returns the group once that is taken down. Its leader brings
    /// it about: [`Client::describe_group`] shows how far it is, and what came of it under the number `upgrades_asked`.
    ///
    /// # Errors
    /// When it was not taken down.
    pub async fn upgrade_group(&self, name: &str, plugin: &str) -> Result<Group, ClientError> {
        let run = |attempt: Attempt| {
            let (name, plugin) = (name.to_owned(), plugin.to_owned());
            let request = attempt.request(UpgradeGroupRequest { name, plugin });
            async move { attempt.groups().upgrade(request).await }
        };
        let response = self.call(self.anywhere(Repeat::Harmless), run).await?.into_inner();
        response.group.ok_or_else(|| ClientError::unexpected("the node's answer names no group"))
    }

    /// Tries a published version in a copy of a group, at its leader: the entries behind its newest snapshot are replayed with
    /// the version that it runs and with this one, and compared. The group is not changed.
    ///
    /// # Errors
    /// When it could not be tried.
    pub async fn verify_upgrade(
        &self,
        name: &str,
        plugin: &str,
    ) -> Result<VerifyUpgradeResponse, ClientError> {
        let run = |attempt: Attempt| {
            let (name, plugin) = (name.to_owned(), plugin.to_owned());
            let request = attempt.request(VerifyUpgradeRequest { name, plugin });
            async move { attempt.groups().verify_upgrade(request).await }
        };
        Ok(self.call(self.at_leader(name, Repeat::Harmless), run).await?.into_inner())
    }

    /// Has a group go back to the version that it ran before the last upgrade that was not rolled back; returns as
    /// [`Client::upgrade_group`] does.
    ///
    /// # Errors
    /// When it was not taken down, or when that is not known.
    pub async fn rollback_group(&self, name: &str) -> Result<Group, ClientError> {
        let run = |attempt: Attempt| {
            let request = attempt.request(RollbackGroupRequest { name: name.to_owned() });
            async move { attempt.groups().rollback(request).await }
        };
        let response = self.call(self.anywhere(Repeat::Once), run).await?.into_inner();
        response.group.ok_or_else(|| ClientError::unexpected("the node's answer names no group"))
    }

    /// Gives up an upgrade that is not in the group's log yet.
    ///
    /// # Errors
    /// When none is under way, or it is not known whether it was given up.
    pub async fn cancel_upgrade(&self, name: &str) -> Result<Group, ClientError> {
        let run = |attempt: Attempt| {
            let request = attempt.request(CancelUpgradeRequest { name: name.to_owned() });
            async move { attempt.groups().cancel_upgrade(request).await }
        };
        let response = self.call(self.anywhere(Repeat::Once), run).await?.into_inner();
        response.group.ok_or_else(|| ClientError::unexpected("the node's answer names no group"))
    }

    /// Has a frozen group take commands again; returns once it does.
    ///
    /// # Errors
    /// When it is not known whether it does.
    pub async fn unfreeze_group(&self, name: &str) -> Result<(), ClientError> {
        let run = |attempt: Attempt| {
            let request = attempt.request(UnfreezeGroupRequest { name: name.to_owned() });
            async move { attempt.groups().unfreeze(request).await }
        };
        self.call(self.at_leader(name, Repeat::Harmless), run).await?;
        Ok(())
    }

    /// Says how the checkpoints of a group with a memory machine are taken from now on.
    ///
    /// # Errors
    /// When it is not known whether it was done.
    pub async fn set_checkpoints(&self, name: &str, mode: CheckpointMode) -> Result<Group, ClientError> {
        let run = |attempt: Attempt| {
            let (name, checkpoints) = (name.to_owned(), mode.into());
            let request = attempt.request(SetCheckpointsRequest { name, checkpoints });
            async move { attempt.groups().set_checkpoints(request).await }
        };
        let response = self.call(self.anywhere(Repeat::Harmless), run).await?.into_inner();
        response.group.ok_or_else(|| ClientError::lost("the node's answer names no group"))
    }

    /// Says after how many traps in a row a group takes no more commands; 0: it goes on whatever traps. Returns once that is
    /// replicated.
    ///
    /// # Errors
    /// When it is not known whether it was done.
    pub async fn set_poison_policy(&self, name: &str, freeze_after_traps: u32) -> Result<(), ClientError> {
        let run = |attempt: Attempt| {
            let name = name.to_owned();
            let request = attempt.request(SetPoisonPolicyRequest { name, freeze_after_traps });
            async move { attempt.groups().set_poison_policy(request).await }
        };
        self.call(self.at_leader(name, Repeat::Harmless), run).await?;
        Ok(())
    }

    /// Hands the leadership of a group to a node, or to the best of its other voters; returns once that leads. A group
    /// that the node leads already stays as it is.
    ///
    /// # Errors
    /// When the leadership stays where it is, or when that is not known.
    pub async fn transfer_group(
        &self,
        name: &str,
        to_node: Option<u64>,
    ) -> Result<TransferGroupResponse, ClientError> {
        let to_node = to_node.unwrap_or_default();
        // Without a node that is named, doing it twice could bring the leadership back.
        let repeat = if to_node == 0 { Repeat::Once } else { Repeat::Harmless };
        let run = |attempt: Attempt| {
            let request = attempt.request(TransferGroupRequest { name: name.to_owned(), to_node });
            async move { attempt.groups().transfer(request).await }
        };
        let moved = self.call(self.at_leader(name, repeat), run).await?.into_inner();
        self.leaders().forget_group(name);
        Ok(moved)
    }

    /// Says how much a group prefers the replica on a node as its leader; returns once that is replicated. The leader hands
    /// over to a voter of a higher priority, and one of priority 0 never leads; all begin with 100.
    ///
    /// # Errors
    /// When the node holds no replica of the group, no voter would be left to lead, or it is not known whether it was done.
    pub async fn set_priority(&self, name: &str, node: u64, priority: u32) -> Result<(), ClientError> {
        let run = |attempt: Attempt| {
            let request = attempt.request(SetPriorityRequest { name: name.to_owned(), node, priority });
            async move { attempt.groups().set_priority(request).await }
        };
        self.call(self.at_leader(name, Repeat::Harmless), run).await?;
        Ok(())
    }
}
