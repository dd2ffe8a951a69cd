//! A gateway to ask, and what its answers hold.

use std::time::Duration;

use pelago_dag::{CarLimits, CarReader, Cid};
use pelago_exchange::gateway::{Gateway, GatewayOptions};
use reqwest::{Client, Method, Response, StatusCode};

use crate::fixtures::Dag;

/// A gateway over blocks in memory, and a client of it.
pub(crate) struct Served {
    pub(crate) gateway: Gateway,
    client: Client,
    pub(crate) dag: Dag,
}

impl Served {
    pub(crate) async fn start(dag: Dag) -> Self {
        Self::with(dag, GatewayOptions::default()).await
    }

    pub(crate) async fn with(dag: Dag, options: GatewayOptions) -> Self {
        let gateway = Gateway::start(dag.blocks(), options).await.expect("it starts");
        Self { gateway, client: Client::new(), dag }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let url = format!("http://{}{path}", self.gateway.addr());
        let mut request = self.client.request(method, url).timeout(Duration::from_secs(60));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, &[]).await
    }

    pub(crate) async fn status(&self, path: &str) -> u16 {
        self.get(path).await.status().as_u16()
    }

    /// The blocks of a CAR, in order.
    pub(crate) async fn car(&self, path: &str) -> Vec<Cid> {
        self.car_with(path, &[]).await
    }

    pub(crate) async fn car_with(&self, path: &str, headers: &[(&str, &str)]) -> Vec<Cid> {
        let response = self.send(Method::GET, path, headers).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        read_car(&response.bytes().await.expect("a whole body")).await
    }
}

pub(crate) async fn read_car(bytes: &[u8]) -> Vec<Cid> {
    let mut reader = CarReader::open(bytes, CarLimits::default()).await.expect("a CAR");
    let mut cids = Vec::new();
    while let Some((cid, _)) = reader.next().await.expect("a block") {
        cids.push(cid);
    }
    cids
}

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}
