use super::{collect::Collect, serve::frames};
use crate::{CallError, PeersHandle, PluginRefusal, PluginSendError, connection::Target};
use bytes::Bytes;
use quorate_proto::peer::v1::{
    FetchPluginRequest, PluginBegin, PushPluginReply, plugin_frame::Frame, push_plugin_reply::Reply,
};
use quorate_vocabulary::{NodeId, PluginDigest};
use tonic::Code;

impl PeersHandle {
    /// Brings a plugin to a node; returns once it is stored there. `reference` is for that node's logs.
    ///
    /// # Errors
    /// When the node cannot be reached or does not take it.
    pub async fn push_plugin(
        &self,
        node: NodeId,
        digest: PluginDigest,
        reference: &str,
        bytes: Bytes,
    ) -> Result<(), PluginSendError> {
        self.plugin_call(node, |target| self.push_to(target, digest, reference.to_owned(), bytes)).await
    }

    /// A plugin's bytes from a node. They are those of the digest.
    ///
    /// # Errors
    /// When the node cannot be reached, does not hold it, or sends something else.
    pub async fn fetch_plugin(&self, node: NodeId, digest: PluginDigest) -> Result<Bytes, PluginSendError> {
        self.plugin_call(node, |target| self.fetch_from(target, digest)).await
    }

    async fn plugin_call<T, F: Future<Output = Result<T, PluginSendError>>>(
        &self,
        node: NodeId,
        call: impl FnOnce(Target) -> F,
    ) -> Result<T, PluginSendError> {
        let target = self.inner.target(node)?;
        let waited = self.inner.config.plugin_timeout;
        tokio::select! {
            biased;
            () = self.inner.shutdown.cancelled() => Err(CallError::Closed.into()),
            () = tokio::time::sleep(waited) => Err(CallError::TimedOut { node, waited }.into()),
            answer = call(target) => answer,
        }
    }

    async fn push_to(
        &self,
        target: Target,
        digest: PluginDigest,
        reference: String,
        bytes: Bytes,
    ) -> Result<(), PluginSendError> {
        let bytes_max = self.inner.config.plugin_bytes_max;
        if bytes.len() > bytes_max {
            return Err(CallError::TooLarge { bytes: bytes.len(), bytes_max }.into());
        }
        let begin = PluginBegin {
            hello: Some(self.inner.identity.hello(target.node)),
            digest: Bytes::copy_from_slice(digest.as_bytes()),
            reference,
            total_bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        };
        let mut client = target.connect(&self.inner.config).await?;
        let frames = futures::stream::iter(frames(begin, bytes));
        let answer = client.push_plugin(frames).await.map_err(|status| target.ended(&status))?;
        match answer.into_inner() {
            PushPluginReply { reply: Some(Reply::Stored(_)) } => Ok(()),
            PushPluginReply { reply: Some(Reply::Refused(refused)) } => {
                Err(PluginRefusal::from_wire(&refused).into())
            }
            PushPluginReply { reply: None } => {
                Err(CallError::Answer { node: target.node, cause: "an empty answer".to_owned() }.into())
            }
        }
    }

    async fn fetch_from(&self, target: Target, digest: PluginDigest) -> Result<Bytes, PluginSendError> {
        let node = target.node;
        let request = FetchPluginRequest {
            hello: Some(self.inner.identity.hello(node)),
            digest: Bytes::copy_from_slice(digest.as_bytes()),
        };
        let mut client = target.connect(&self.inner.config).await?;
        let frames = client.fetch_plugin(request).await.map_err(|status| match status.code() {
            Code::NotFound => PluginSendError::NotFound { node },
            _ => target.ended(&status).into(),
        })?;
        let mut frames = frames.into_inner();
        let mut collect = None;
        while let Some(frame) = frames.message().await.map_err(|status| target.ended(&status))? {
            match (frame.frame, &mut collect) {
                (Some(Frame::Begin(begin)), None) => {
                    let bytes_max = self.inner.config.plugin_bytes_max;
                    collect = Some(Collect::new(digest.as_bytes(), begin.total_bytes, bytes_max)?);
                }
                (Some(Frame::Chunk(chunk)), Some(collect)) => collect.add(&chunk)?,
                _ => return Err(PluginRefusal::Protocol("a frame that has no place there".to_owned()).into()),
            }
        }
        let collect = collect.ok_or_else(|| PluginRefusal::Protocol("an empty stream".to_owned()))?;
        Ok(collect.verified().await?)
    }
}
