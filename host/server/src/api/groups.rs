use super::{ApiConfig, ApiError, Node, convert, deadline, gate::Gate, validate};
use quorate_proto::v1;
use quorate_vocabulary::{GroupName, NodeId, PluginReference};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// `quorate.v1.Groups`.
pub(super) struct GroupsService<N> {
    pub(super) node: N,
    pub(super) config: Arc<ApiConfig>,
    pub(super) gate: Gate,
}

#[tonic::async_trait]
impl<N: Node> v1::groups_server::Groups for GroupsService<N> {
    async fn create(
        &self,
        request: Request<v1::CreateGroupRequest>,
    ) -> Result<Response<v1::CreateGroupResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let create = validate::create_group(&request.into_inner())?;
        let group = self.node.create_group(create, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::CreateGroupResponse { group: Some(convert::group(&group)) }))
    }

    async fn list(
        &self,
        request: Request<v1::ListGroupsRequest>,
    ) -> Result<Response<v1::ListGroupsResponse>, Status> {
        let _inside = self.gate.enter()?;
        let request = request.into_inner();
        let tenant = validate::tenant(&request.tenant)?;
        let mut groups = self.node.groups();
        groups.retain(|group| tenant.is_none_or(|tenant| group.name.tenant() == tenant));
        let (groups, next_page_token) =
            validate::page(groups, |group| group.name.to_string(), request.page_size, &request.page_token)?;
        let groups = groups.iter().map(convert::group).collect();
        Ok(Response::new(v1::ListGroupsResponse { groups, next_page_token }))
    }

    async fn describe(
        &self,
        request: Request<v1::DescribeGroupRequest>,
    ) -> Result<Response<v1::DescribeGroupResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let name: GroupName = validate::name("name", &request.into_inner().name)?;
        let mut view = self.node.describe_group(&name, deadline).await.map_err(ApiError::from)?;
        let replica = view.local.take().map(|replica| convert::replica(replica, name.to_string()));
        let upgrades = view.upgrades.iter().map(convert::upgrade).collect();
        Ok(Response::new(v1::DescribeGroupResponse { group: Some(convert::group(&view)), replica, upgrades }))
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteGroupRequest>,
    ) -> Result<Response<v1::DeleteGroupResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let name: GroupName = validate::name("name", &request.into_inner().name)?;
        let id = self.node.delete_group(&name, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::DeleteGroupResponse { id: id.0 }))
    }

    async fn snapshot(
        &self,
        request: Request<v1::SnapshotGroupRequest>,
    ) -> Result<Response<v1::SnapshotGroupResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let name: GroupName = validate::name("name", &request.into_inner().name)?;
        let group = self.node.resolve(&name, deadline).await.map_err(ApiError::from)?;
        let taken = self.node.snapshot(group, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::SnapshotGroupResponse { index: taken.index, size_bytes: taken.bytes }))
    }

    async fn change_members(
        &self,
        request: Request<v1::ChangeMembersRequest>,
    ) -> Result<Response<v1::ChangeMembersResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let request = request.into_inner();
        let name: GroupName = validate::name("name", &request.name)?;
        let change = validate::change_members(request)?;
        let group = self.node.change_members(&name, change, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::ChangeMembersResponse { group: Some(convert::group(&group)) }))
    }

    async fn transfer(
        &self,
        request: Request<v1::TransferGroupRequest>,
    ) -> Result<Response<v1::TransferGroupResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let request = request.into_inner();
        let name: GroupName = validate::name("name", &request.name)?;
        let to = (request.to_node != 0).then_some(NodeId(request.to_node));
        let moved = self.node.transfer(&name, to, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::TransferGroupResponse {
            from_node: moved.from.0,
            leader_node: moved.to.0,
            term: moved.term,
        }))
    }

    async fn set_priority(
        &self,
        request: Request<v1::SetPriorityRequest>,
    ) -> Result<Response<v1::SetPriorityResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let v1::SetPriorityRequest { name, node, priority } = request.into_inner();
        let name: GroupName = validate::name("name", &name)?;
        validate::priority(priority)?;
        self.node.set_priority(&name, NodeId(node), priority, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::SetPriorityResponse {}))
    }

    async fn recover(
        &self,
        request: Request<v1::RecoverGroupRequest>,
    ) -> Result<Response<v1::RecoverGroupResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let request = request.into_inner();
        let name: GroupName = validate::name("name", &request.name)?;
        let survivors = validate::survivors(&request)?;
        let recovered = self.node.recover(&name, survivors, deadline).await.map_err(ApiError::from)?;
        let members = recovered.members.iter().map(convert::member).collect();
        Ok(Response::new(v1::RecoverGroupResponse { epoch: recovered.epoch, members }))
    }

    async fn upgrade(
        &self,
        request: Request<v1::UpgradeGroupRequest>,
    ) -> Result<Response<v1::UpgradeGroupResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let request = request.into_inner();
        let name: GroupName = validate::name("name", &request.name)?;
        let plugin: PluginReference = validate::name("plugin", &request.plugin)?;
        let group = self.node.upgrade_group(&name, Some(plugin), deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::UpgradeGroupResponse { group: Some(convert::group(&group)) }))
    }

    async fn verify_upgrade(
        &self,
        request: Request<v1::VerifyUpgradeRequest>,
    ) -> Result<Response<v1::VerifyUpgradeResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let request = request.into_inner();
        let name: GroupName = validate::name("name", &request.name)?;
        let plugin: PluginReference = validate::name("plugin", &request.plugin)?;
        let report = self.node.verify_upgrade(&name, &plugin, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(convert::shadow_report(report)))
    }

    async fn rollback(
        &self,
        request: Request<v1::RollbackGroupRequest>,
    ) -> Result<Response<v1::RollbackGroupResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let name: GroupName = validate::name("name", &request.into_inner().name)?;
        let group = self.node.upgrade_group(&name, None, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::RollbackGroupResponse { group: Some(convert::group(&group)) }))
    }

    async fn cancel_upgrade(
        &self,
        request: Request<v1::CancelUpgradeRequest>,
    ) -> Result<Response<v1::CancelUpgradeResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let name: GroupName = validate::name("name", &request.into_inner().name)?;
        let group = self.node.cancel_upgrade(&name, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::CancelUpgradeResponse { group: Some(convert::group(&group)) }))
    }

    async fn unfreeze(
        &self,
        request: Request<v1::UnfreezeGroupRequest>,
    ) -> Result<Response<v1::UnfreezeGroupResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let name: GroupName = validate::name("name", &request.into_inner().name)?;
        self.node.unfreeze(&name, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::UnfreezeGroupResponse {}))
    }

    async fn set_checkpoints(
        &self,
        request: Request<v1::SetCheckpointsRequest>,
    ) -> Result<Response<v1::SetCheckpointsResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let v1::SetCheckpointsRequest { name, checkpoints } = request.into_inner();
        let name: GroupName = validate::name("name", &name)?;
        let mode = validate::said_checkpoints(checkpoints)?;
        let group = self.node.set_checkpoints(&name, mode, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::SetCheckpointsResponse { group: Some(convert::group(&group)) }))
    }

    async fn set_poison_policy(
        &self,
        request: Request<v1::SetPoisonPolicyRequest>,
    ) -> Result<Response<v1::SetPoisonPolicyResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let v1::SetPoisonPolicyRequest { name, freeze_after_traps } = request.into_inner();
        let name: GroupName = validate::name("name", &name)?;
        self.node.set_poison_policy(&name, freeze_after_traps, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::SetPoisonPolicyResponse {}))
    }
}
