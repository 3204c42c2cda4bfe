//! Sockets and timers: everything that the engine and the store leave out.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::amqp_error::AmqpError;
use crate::core::{Broken, Core};
use crate::engine::Connection;
use crate::store::EntityName;
use crate::tls::{Door, Socket, Writer};

/// Output that a slow peer may leave unread before nothing more is made for it.
const MOST_UNSENT: usize = 4 * 1024 * 1024;
/// How long a peer has to read the last words and hang up.
const FAREWELL: Duration = Duration::from_secs(1);
/// Peers that say nothing of silence are sent a frame this often all the same.
const USUAL_HEARTBEAT: Duration = Duration::from_secs(15);
/// Timers look again after this long though nothing is due: a bound, not a poll.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What all connections are told to do.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    /// Vanish without a word, as a broken cable does.
    Drop,
    /// Close, with this for a reason.
    Close(AmqpError),
    /// End the links to an entity, or all links.
    Detach(Option<EntityName>, AmqpError),
}

/// Accepts connections until told to stop.
pub(crate) async fn serve(
    (listener, door): (TcpListener, Door),
    core: Arc<Core>,
    orders: broadcast::Sender<Order>,
    mut stop: watch::Receiver<bool>,
    idle_time_out: Duration,
) {
    let mut tasks = JoinSet::new();
    tasks.spawn(keep_time(core.clone(), stop.clone()));
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    let (core, door) = (core.clone(), door.clone());
                    tasks.spawn(receive(socket, door, core, idle_time_out, orders.subscribe(), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            () = stopped(&mut stop) => break,
            Some(_) = tasks.join_next() => {}
        }
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

/// Lets one peer in, and stays with it until it has gone.
async fn receive(
    socket: TcpStream,
    door: Door,
    core: Arc<Core>,
    idle_time_out: Duration,
    orders: broadcast::Receiver<Order>,
    mut stop: watch::Receiver<bool>,
) {
    let entered = tokio::select! {
        entered = door.enter(socket) => entered,
        () = stopped(&mut stop) => return,
    };
    match entered {
        Ok(socket) => Peer::new(socket, core, idle_time_out).run(orders, stop).await,
        Err(error) => tracing::debug!(%error, "a peer did not come in"),
    }
}

/// Returns when the broker is stopped, or dropped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stopped| *stopped).await.is_err() {
        tracing::debug!("the broker was dropped");
    }
}

/// Lets time pass in the store though nobody asks it anything.
async fn keep_time(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let mut news = core.news();
    loop {
        news.borrow_and_update();
        let wait = core.next_deadline().map_or(LONGEST_WAIT, |at| core.clock.now().until(at));
        tokio::select! {
            () = tokio::time::sleep(wait.min(LONGEST_WAIT)) => {
                if core.act(|_| ()) == Err(Broken) {
                    return;
                }
            }
            _ = news.changed() => {}
            () = stopped(&mut stop) => return,
        }
    }
}

/// One connection and its socket.
struct Peer {
    socket: Socket,
    /// Something was written that may not be on its way yet: TLS keeps what does not fill a record.
    unflushed: bool,
    core: Arc<Core>,
    connection: Connection,
    input: BytesMut,
    idle_time_out: Duration,
    last_read: Instant,
    last_write: Instant,
    /// Until when the output is kept from the peer, by a test's order.
    silent_until: Instant,
}

impl Peer {
    fn new(socket: Socket, core: Arc<Core>, idle_time_out: Duration) -> Self {
        let now = Instant::now();
        let connection = Connection::new(format!("broker-{}", uuid::Uuid::new_v4().simple()));
        let input = BytesMut::with_capacity(64 * 1024);
        Self {
            socket,
            unflushed: false,
            core,
            connection,
            input,
            idle_time_out,
            last_read: now,
            last_write: now,
            silent_until: now,
        }
    }

    async fn run(mut self, mut orders: broadcast::Receiver<Order>, mut stop: watch::Receiver<bool>) {
        let mut news = self.core.news();
        loop {
            let ended = tokio::select! {
                read = self.exchange() => match read {
                    Ok(true) => {
                        self.socket.reader.acknowledge_at_once();
                        self.act(|connection, input, context| connection.receive(input, context))
                    }
                    Ok(false) if self.connection.may_go_on() => {
                        self.act(|connection, _, context| connection.deliver(context))
                    }
                    Ok(false) => Ok(()),
                    Err(_) => return,
                },
                _ = news.changed() => self.act(|connection, _, context| connection.deliver(context)),
                order = orders.recv() => match order {
                    Ok(Order::Drop) => return,
                    Ok(Order::Close(fault)) => {
                        self.act(|connection, _, context| connection.close(Some(&fault), context))
                    }
                    Ok(Order::Detach(entity, fault)) => {
                        self.act(|connection, _, context| connection.detach_links(entity.as_ref(), &fault, context))
                    }
                    Err(_) => Ok(()),
                },
                () = stopped(&mut stop) => {
                    let fault = AmqpError::new("amqp:connection:forced", "The broker is stopping.");
                    self.act(|connection, _, context| connection.close(Some(&fault), context))
                }
            };
            if ended.is_err() {
                return;
            }
            if self.connection.is_closed() {
                return self.say_farewell().await;
            }
        }
    }

    /// Waits for the socket: writes what there is to write, and reads. True when something was read.
    async fn exchange(&mut self) -> std::io::Result<bool> {
        let heartbeat = self.heartbeat_at();
        let silence = self.last_read + self.idle_time_out;
        let claim_end = self.claim_end();
        let Socket { reader, writer } = &mut self.socket;
        let unflushed = &mut self.unflushed;
        let output = self.connection.output();
        let silent = self.silent_until > Instant::now();
        let (unsent, crowded) = (!output.is_empty() || *unflushed, output.len() > MOST_UNSENT);
        tokio::select! {
            read = reader.read_buf(&mut self.input), if !crowded => {
                self.last_read = Instant::now();
                match read? {
                    0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
                    _ => Ok(true),
                }
            }
            () = sleep_until(self.silent_until), if silent => Ok(false),
            written = write_some(writer, output, unflushed), if unsent && !silent => {
                self.last_write = Instant::now();
                written?;
                Ok(false)
            }
            () = sleep_until(heartbeat) => {
                self.last_write = Instant::now();
                self.connection.heartbeat();
                Ok(false)
            }
            () = sleep_until(silence) => {
                let reason = "The connection was silent for longer than the idle time-out.";
                let fault = AmqpError::new("amqp:resource-limit-exceeded", reason);
                let closed = self.core.act(|context| self.connection.close(Some(&fault), context));
                closed.map(|()| false).map_err(std::io::Error::other)
            }
            () = sleep_until(claim_end) => Ok(true),
        }
    }

    /// Lets the engine act upon the store. Nothing it answers is sent unless the store is on record.
    fn act(
        &mut self,
        action: impl FnOnce(&mut Connection, &[u8], &mut crate::context::Context<'_>),
    ) -> Result<(), Broken> {
        let Self { core, connection, input, .. } = self;
        core.act(|context| action(connection, input, context))?;
        input.clear();
        if let Some(delay) = self.connection.take_delay() {
            self.silent_until = Instant::now() + delay;
        }
        Ok(())
    }

    fn heartbeat_at(&self) -> Instant {
        let half = self.connection.peer_idle_time_out().map_or(USUAL_HEARTBEAT, |idle| idle / 2);
        self.last_write + half.min(USUAL_HEARTBEAT)
    }

    fn claim_end(&self) -> Instant {
        let now = self.core.clock.on_the_wire();
        let wait = self.connection.next_deadline(now).map_or(LONGEST_WAIT, |at| now.until(at));
        Instant::now() + wait.min(LONGEST_WAIT)
    }

    /// Writes the last words and waits until the peer has hung up. Closing a socket on what the peer is still writing
    /// would take our last words away from it.
    async fn say_farewell(mut self) {
        let Self { socket, connection, input, .. } = &mut self;
        let Socket { reader, writer } = socket;
        let last_words = async {
            writer.write_all_buf(connection.output()).await?;
            writer.shutdown().await?;
            while reader.read_buf(input).await? > 0 {
                input.clear();
            }
            Ok::<(), std::io::Error>(())
        };
        match timeout(FAREWELL, last_words).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a peer did not stay for the end"),
            Err(_) => tracing::debug!("a peer did not hang up"),
        }
    }
}

/// Writes a part of what there is to write, or sees to it that what was written goes out. Whenever this is dropped, no
/// byte is lost and none is written twice.
async fn write_some(writer: &mut Writer, output: &mut BytesMut, unflushed: &mut bool) -> std::io::Result<()> {
    if output.is_empty() {
        writer.flush().await?;
        *unflushed = false;
        return Ok(());
    }
    *unflushed = true;
    writer.write_buf(output).await?;
    Ok(())
}
