#include "interconnect/ic_int.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- macs --------------------------------------------------------------- */

static void transcript_add(struct transcript *t, const void *p, size_t len)
{
    assert(t->len + len <= sizeof(t->bytes));
    memcpy(t->bytes + t->len, p, len);
    t->len += len;
}

/* HMAC-SHA256 over label, what was said, and the beginning of the message that will carry the mac. */
static void compute_mac(const struct interconnect *ic, const char *label, const struct transcript *said, const uint8_t *message,
                        size_t len, uint8_t ret[WIRE_MAC_BYTES])
{
    uint8_t text[sizeof(said->bytes) + 128];
    const size_t label_len = strlen(label) + 1;
    assert(label_len + said->len + len <= sizeof(text));
    memcpy(text, label, label_len);
    memcpy(text + label_len, said->bytes, said->len);
    memcpy(text + label_len + said->len, message, len);
    unsigned mac_len = 0;
    if (HMAC(EVP_sha256(), ic->secret, (int)ic->secret_len, text, label_len + said->len + len, ret, &mac_len) == NULL)
        panic("HMAC-SHA256 failed");
    assert(mac_len == WIRE_MAC_BYTES);
}

static bool mac_is_right(const struct interconnect *ic, const char *label, const struct transcript *said, const uint8_t *message,
                         size_t message_bytes)
{
    uint8_t mac[WIRE_MAC_BYTES];
    compute_mac(ic, label, said, message, message_bytes - WIRE_MAC_BYTES, mac);
    return CRYPTO_memcmp(mac, message + message_bytes - WIRE_MAC_BYTES, WIRE_MAC_BYTES) == 0;
}

static void sign(const struct interconnect *ic, const char *label, const struct transcript *said, uint8_t *message,
                 size_t message_bytes)
{
    compute_mac(ic, label, said, message, message_bytes - WIRE_MAC_BYTES, message + message_bytes - WIRE_MAC_BYTES);
}

static const char LABEL_CHALLENGE[] = "challenge";
static const char LABEL_PROOF[] = "proof";
static const char LABEL_WELCOME[] = "welcome";

/* ---- the dialing side ---------------------------------------------------- */

static enum err dial_hello(struct link *l, struct rt_conn *c, struct transcript *said, struct diag *d)
{
    const struct interconnect *ic = l->ic;
    struct wire_hello hello = {
        .protocol_min = ic->opt.protocol_min,
        .protocol_max = ic->opt.protocol_max,
        .cluster_id = ic->opt.cluster_id,
        .from = ic->opt.self.node,
        .to = l->peer->id.node,
        .from_incarnation = ic->opt.self.incarnation,
        .to_incarnation = l->peer->id.incarnation,
        .lane = (uint8_t)l->index,
        .lanes = (uint8_t)ic->lanes,
    };
    uint8_t bytes[WIRE_HELLO_BYTES];
    rt_random_bytes(hello.nonce, sizeof(hello.nonce));
    wire_put_hello(bytes, &hello);
    transcript_add(said, bytes, sizeof(bytes));
    return rt_send(c, bytes, sizeof(bytes), d);
}

/* *ret_genuine: the answer comes from somebody who knows the secret. */
static enum err dial_challenge(struct link *l, struct rt_conn *c, uint64_t deadline, struct transcript *said,
                               struct wire_challenge *ret, bool *ret_genuine, struct diag *d)
{
    uint8_t bytes[WIRE_CHALLENGE_BYTES];
    enum err err = rt_recv_full(c, bytes, sizeof(bytes), deadline, d);
    if (err == ERR_OK)
        err = wire_get_challenge(bytes, ret, d);
    if (err != ERR_OK)
        return err;
    *ret_genuine = mac_is_right(l->ic, LABEL_CHALLENGE, said, bytes, sizeof(bytes));
    transcript_add(said, bytes, sizeof(bytes));
    return ERR_OK;
}

static enum err dial_proof(struct link *l, struct rt_conn *c, uint64_t received, struct transcript *said, struct diag *d)
{
    const struct wire_proof proof = { .received = received };
    uint8_t bytes[WIRE_PROOF_BYTES];
    wire_put_proof(bytes, &proof);
    sign(l->ic, LABEL_PROOF, said, bytes, sizeof(bytes));
    transcript_add(said, bytes, sizeof(bytes));
    return rt_send(c, bytes, sizeof(bytes), d);
}

static enum err dial_welcome(struct link *l, struct rt_conn *c, uint64_t deadline, const struct transcript *said,
                             struct wire_welcome *ret, struct diag *d)
{
    uint8_t bytes[WIRE_WELCOME_BYTES];
    enum err err = rt_recv_full(c, bytes, sizeof(bytes), deadline, d);
    if (err == ERR_OK)
        err = wire_get_welcome(bytes, ret, d);
    if (err == ERR_OK && !mac_is_right(l->ic, LABEL_WELCOME, said, bytes, sizeof(bytes)))
        err = diag_set(d, ERR_CONN_REJECTED, "its welcome is not signed with our secret");
    return err;
}

/* *ret_status says why when the peer, known to be genuine, refuses. */
enum err ic__handshake_dial(struct link *l, struct rt_conn *c, uint64_t received, uint64_t deadline, uint64_t *ret_peer_received,
                            enum wire_status *ret_status, struct diag *d)
{
    struct transcript said = { 0 };
    struct wire_challenge challenge;
    struct wire_welcome welcome;
    bool genuine = false;
    *ret_status = WIRE_STATUS_OK;
    enum err err = dial_hello(l, c, &said, d);
    if (err == ERR_OK)
        err = dial_challenge(l, c, deadline, &said, &challenge, &genuine, d);
    if (err != ERR_OK)
        return err;
    if (challenge.status != WIRE_STATUS_OK) {
        if (genuine)
            *ret_status = challenge.status;
        return diag_set(d, ERR_CONN_REJECTED, "refused: %s", wire_status_text(challenge.status));
    }
    err = dial_proof(l, c, received, &said, d); /* also where the secrets differ: so the other side can tell its operator */
    if (!genuine)
        return diag_set(d, ERR_CONN_REJECTED, "the shared secrets differ");
    if (err == ERR_OK)
        err = dial_welcome(l, c, deadline, &said, &welcome, d);
    if (err != ERR_OK)
        return err;
    if (welcome.status != WIRE_STATUS_OK) {
        *ret_status = welcome.status;
        return diag_set(d, ERR_CONN_REJECTED, "refused: %s", wire_status_text(welcome.status));
    }
    *ret_peer_received = welcome.received;
    return ERR_OK;
}

/* ---- the accepting side --------------------------------------------------- */

static incarnation_t known_incarnation(struct interconnect *ic, node_no node)
{
    rt_spin_lock(&ic->spin);
    const struct peer *p = ic->nodes[node].peer;
    const incarnation_t known = p != NULL && p->state != PEER_LOST ? p->id.incarnation : 0;
    rt_spin_unlock(&ic->spin);
    return known;
}

static enum err answer_hello(struct interconnect *ic, struct rt_conn *c, const struct wire_hello *hello, struct transcript *said,
                             struct diag *d)
{
    const struct wire_acceptor self = {
        .cluster_id = ic->opt.cluster_id,
        .protocol_min = ic->opt.protocol_min,
        .protocol_max = ic->opt.protocol_max,
        .node = ic->opt.self.node,
        .incarnation = ic->opt.self.incarnation,
        .lanes = (uint8_t)ic->lanes,
    };
    struct wire_challenge challenge = { .node = ic->opt.self.node, .incarnation = ic->opt.self.incarnation };
    challenge.status = wire_judge_hello(&self, hello, known_incarnation(ic, hello->from), &challenge.version);
    uint8_t bytes[WIRE_CHALLENGE_BYTES];
    rt_random_bytes(challenge.nonce, sizeof(challenge.nonce));
    wire_put_challenge(bytes, &challenge);
    sign(ic, LABEL_CHALLENGE, said, bytes, sizeof(bytes));
    transcript_add(said, bytes, sizeof(bytes));
    const enum err err = rt_send(c, bytes, sizeof(bytes), d);
    if (challenge.status == WIRE_STATUS_OK)
        return err;
    if (challenge.status == WIRE_STATUS_YOU_WAIT)
        return diag_set(d, ERR_AGAIN, "node %u has knocked", hello->from);
    if (challenge.status == WIRE_STATUS_UNKNOWN_PEER) {
        if (ic->opt.hooks.peer_unknown != NULL)
            ic->opt.hooks.peer_unknown(ic->opt.hooks.arg, (struct ic_peer_id){ hello->from, hello->from_incarnation });
        return diag_set(d, ERR_AGAIN, "node %u is not known yet", hello->from);
    }
    if (challenge.status == WIRE_STATUS_OTHER_CLUSTER)
        return diag_set(d, ERR_CONN_REJECTED, "node %u belongs to another cluster: id %016" PRIx64 ", ours is %016" PRIx64, hello->from,
                        hello->cluster_id, ic->opt.cluster_id);
    return diag_set(d, ERR_CONN_REJECTED,
                    "refused node %u (incarnation %016" PRIx64 ", protocol versions %" PRIu32 " to %" PRIu32
                    ", lane %u of %u, wants node %u incarnation %016" PRIx64 "): %s",
                    hello->from, hello->from_incarnation, hello->protocol_min, hello->protocol_max, hello->lane, hello->lanes,
                    hello->to, hello->to_incarnation, wire_status_text(challenge.status));
}

static enum err await_proof(struct interconnect *ic, struct rt_conn *c, uint64_t deadline, node_no from, struct handover *h,
                            struct diag *d)
{
    uint8_t bytes[WIRE_PROOF_BYTES];
    struct wire_proof proof;
    enum err err = rt_recv_full(c, bytes, sizeof(bytes), deadline, d);
    if (err == ERR_OK)
        err = wire_get_proof(bytes, &proof, d);
    if (err != ERR_OK)
        return err;
    if (!mac_is_right(ic, LABEL_PROOF, &h->said, bytes, sizeof(bytes)))
        return diag_set(d, ERR_CONN_REJECTED, "node %u: the shared secrets differ", from);
    transcript_add(&h->said, bytes, sizeof(bytes));
    h->peer_received = proof.received;
    return ERR_OK;
}

static enum err accept_peer(struct interconnect *ic, struct rt_conn *c, struct wire_hello *ret_hello, struct handover *h,
                            struct diag *d)
{
    const uint64_t deadline = rt_now() + RT_MS(IC_HANDSHAKE_MS);
    uint8_t bytes[WIRE_HELLO_BYTES];
    enum err err = rt_recv_full(c, bytes, sizeof(bytes), deadline, d);
    if (err == ERR_OK)
        err = wire_get_hello(bytes, ret_hello, d);
    if (err != ERR_OK)
        return err;
    transcript_add(&h->said, bytes, sizeof(bytes));
    err = answer_hello(ic, c, ret_hello, &h->said, d);
    if (err == ERR_OK)
        err = await_proof(ic, c, deadline, ret_hello->from, h, d);
    return err;
}

enum err ic__handshake_welcome(struct interconnect *ic, const struct handover *h, enum wire_status status, uint64_t received,
                               struct diag *d)
{
    const struct wire_welcome welcome = { .status = status, .received = received };
    uint8_t bytes[WIRE_WELCOME_BYTES];
    wire_put_welcome(bytes, &welcome);
    sign(ic, LABEL_WELCOME, &h->said, bytes, sizeof(bytes));
    return rt_send(h->conn, bytes, sizeof(bytes), d);
}

/* ---- acceptor -------------------------------------------------------------- */

struct handshake_job {
    struct interconnect *ic;
    uint32_t slot;
};

static bool claim_slot(struct interconnect *ic, struct rt_conn *c, uint32_t *ret_slot)
{
    bool found = false;
    rt_spin_lock(&ic->spin);
    for (uint32_t i = 0; i < IC_HANDSHAKES_MAX && !found && !ic->closing; i++) {
        if (ic->handshakes[i] == NULL) {
            ic->handshakes[i] = c;
            ic->handshakes_running++;
            *ret_slot = i;
            found = true;
        }
    }
    rt_spin_unlock(&ic->spin);
    return found;
}

/* From here on ic_close() leaves the connection alone. */
static void release_slot(struct interconnect *ic, uint32_t slot)
{
    rt_spin_lock(&ic->spin);
    ic->handshakes[slot] = NULL;
    rt_spin_unlock(&ic->spin);
}

/* The fiber's last look at ic: ic_close() waits for it. */
static void handshake_ended(struct interconnect *ic, bool rejected)
{
    rt_spin_lock(&ic->spin);
    ic->rejected += rejected;
    ic->handshakes_running--;
    rt_spin_unlock(&ic->spin);
}

/* The connection now is the link's, or is what it replaced, or had no taker. */
static void deliver(struct interconnect *ic, const struct wire_hello *hello, struct handover *h)
{
    struct ic_lane *lane = &ic->nodes[hello->from].lanes[hello->lane];
    rt_spin_lock(&lane->spin);
    struct link *l = lane->link;
    if (l != NULL && l->peer != NULL && l->peer->id.incarnation == hello->from_incarnation && !l->stop)
        link_hand_over(l, h);
    rt_spin_unlock(&lane->spin);
}

static void handshake_main(void *arg)
{
    struct handshake_job job = *(struct handshake_job *)arg;
    free(arg);
    struct interconnect *ic = job.ic;
    struct rt_conn *c = ic->handshakes[job.slot];
    struct diag d = { 0 };
    struct wire_hello hello;
    struct handover h = { 0 };
    rt_conn_adopt(c);
    const enum err err = accept_peer(ic, c, &hello, &h, &d);
    /* Whoever hangs up or runs into the deadline after a while may be a port scanner or a node that stops. */
    const bool rejected = err == ERR_PROTOCOL || err == ERR_CONN_REJECTED;
    if (rejected)
        log_warning(ic->opt.log, "interconnect: connection from %s rejected: %s", rt_conn_peer(c), d.message);
    else if (err != ERR_OK)
        log_debug(ic->opt.log, "interconnect: connection from %s ended in its handshake: %s", rt_conn_peer(c), d.message);
    release_slot(ic, job.slot);
    h.conn = c;
    if (err == ERR_OK)
        deliver(ic, &hello, &h);
    if (h.conn != NULL)
        rt_conn_close(h.conn);
    handshake_ended(ic, rejected);
}

static void start_handshake(struct interconnect *ic, struct rt_conn *c)
{
    struct handshake_job *job = xcalloc(1, sizeof(*job));
    job->ic = ic;
    struct fiber *f = NULL;
    if (claim_slot(ic, c, &job->slot)) {
        const struct rt_spawn_options opt = { .name = "ic-handshake", .worker = rt_worker(), .prio = RT_PRIO_HIGH };
        f = rt_spawn(&opt, handshake_main, job);
        if (f == NULL) {
            release_slot(ic, job->slot);
            handshake_ended(ic, true);
        }
    }
    if (f == NULL) { /* too many at once: the peer tries again */
        free(job);
        rt_conn_close(c);
        return;
    }
    rt_detach(f);
}

void ic__acceptor_main(void *arg)
{
    struct interconnect *ic = arg;
    struct rt_conn *c;
    struct diag d = { 0 };
    for (;;) {
        const enum err err = rt_accept(ic->listener, &c, &d);
        if (err == ERR_CLOSED)
            return;
        if (err == ERR_OK) {
            start_handshake(ic, c);
        } else {
            log_diag(ic->opt.log, LOG_WARNING, &d, "interconnect: accepting a connection");
            rt_sleep(RT_MS(50)); /* out of descriptors, most likely */
        }
    }
}
