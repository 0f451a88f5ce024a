//! What tools that know nothing of us see.

use quorate_end_to_end::{Cluster, Settings};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

async fn one_node() -> Cluster {
    Cluster::start_with(Settings { nodes: 1, ..Settings::default() }).await
}

async fn reflect(cluster: &Cluster, ask: MessageRequest) -> MessageResponse {
    let mut client = ServerReflectionClient::new(cluster.channel(1).await);
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(ask) };
    let mut answers = client
        .server_reflection_info(tokio_stream::iter([request]))
        .await
        .expect("reflection is on")
        .into_inner();
    let answer = answers.message().await.expect("no failure").expect("an answer");
    answer.message_response.expect("a message")
}

#[tokio::test]
async fn a_client_without_our_files_can_find_every_service_and_its_methods() {
    let cluster = one_node().await;
    let MessageResponse::ListServicesResponse(listed) =
        reflect(&cluster, MessageRequest::ListServices(String::new())).await
    else {
        panic!("a list of services was expected");
    };
    let services: Vec<String> = listed.service.into_iter().map(|service| service.name).collect();
    for service in ["Plugins", "Groups", "Commands", "Nodes"] {
        assert!(services.contains(&format!("quorate.v1.{service}")), "{services:?}");
    }
    assert!(
        services.iter().all(|service| !service.contains("peer")),
        "what nodes say is private: {services:?}"
    );

    let ask = MessageRequest::FileContainingSymbol("quorate.v1.Commands".to_owned());
    let MessageResponse::FileDescriptorResponse(files) = reflect(&cluster, ask).await else {
        panic!("descriptors were expected");
    };
    let methods: Vec<String> = files
        .file_descriptor_proto
        .iter()
        .filter_map(|bytes| {
            <prost_types::FileDescriptorProto as prost::Message>::decode(bytes.as_slice()).ok()
        })
        .flat_map(|file| file.service)
        .filter(|service| service.name() == "Commands")
        .flat_map(|service| service.method)
        .map(|method| method.name().to_owned())
        .collect();
    assert_eq!(
        methods,
        ["Submit", "SubmitStream", "OpenSession", "KeepSession", "CloseSession", "Query", "Watch"]
    );
}

#[tokio::test]
async fn health_is_told_for_the_node_and_for_each_service() {
    let cluster = one_node().await;
    let mut client = HealthClient::new(cluster.channel(1).await);
    for service in ["", "quorate.v1.Commands", "quorate.v1.Groups", "quorate.v1.Nodes", "quorate.v1.Plugins"]
    {
        let answer = client.check(HealthCheckRequest { service: service.to_owned() }).await.expect(service);
        assert_eq!(answer.into_inner().status(), ServingStatus::Serving, "{service:?}");
    }
    let unknown = client.check(HealthCheckRequest { service: "quorate.v1.Nothing".to_owned() }).await;
    assert_eq!(unknown.expect_err("unknown").code(), tonic::Code::NotFound);
}
