/* A relay that swallows uploads and always gives the same answer: sink ANSWER-FILE DELAY-MS [CERTIFICATE KEY].
 *
 * One thread and epoll. What comes of a body is thrown away in the kernel (MSG_TRUNC), over TLS after it was decrypted, so
 * that the client is what a measurement sees. Listens on a free port of 127.0.0.1 and prints it. For each line on stdin
 * it prints how many requests and how many bytes of bodies came since the line before; at the end of stdin it ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/ssl.h>
#endif

enum { HEAD = 65536, SWALLOW = 1 << 20, EVENTS = 256 };

struct connection {
    int fd;
    size_t filled;            /* of the head */
    long long left;           /* of the body; -1 while the head is read */
    long long due_ms;         /* when the answer may go */
    size_t sent;              /* of the answer */
    int answering;            /* from the end of a body to that of its answer */
    int blocked;              /* whether the answer waits for room */
    struct connection *next;  /* in the queue of those that wait */
#ifdef WITH_TLS
    SSL *ssl;
#endif
    char head[HEAD];
};

static int poller;
static char *answer;
static size_t answer_size;
static long long delay_ms, requests, bytes;
static struct connection *first, *last;
static char swallowed[SWALLOW];
#ifdef WITH_TLS
static SSL_CTX *tls;
#endif

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* As read(2): 0 at the end, -1 with EAGAIN where there is nothing now. A null buffer throws away. */
static ssize_t take(struct connection *of, char *buffer, size_t size) {
#ifdef WITH_TLS
    if (of->ssl) {
        int got = SSL_read(of->ssl, buffer ? buffer : swallowed, (int)(buffer || size < SWALLOW ? size : SWALLOW));
        if (got > 0)
            return got;
        int why = SSL_get_error(of->ssl, got);
        errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
        return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
    }
#endif
    return buffer ? recv(of->fd, buffer, size, 0) : recv(of->fd, swallowed, size, MSG_TRUNC);
}

static ssize_t give(struct connection *of, const char *data, size_t size) {
#ifdef WITH_TLS
    if (of->ssl) {
        int put = SSL_write(of->ssl, data, (int)size);
        if (put > 0)
            return put;
        int why = SSL_get_error(of->ssl, put);
        errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
        return -1;
    }
#endif
    return send(of->fd, data, size, MSG_NOSIGNAL);
}

static void drop(struct connection *of) {
    for (struct connection **at = &first, *before = NULL; *at; before = *at, at = &(*at)->next)
        if (*at == of) {
            *at = of->next;
            if (last == of)
                last = before;
            break;
        }
#ifdef WITH_TLS
    if (of->ssl)
        SSL_free(of->ssl);
#endif
    close(of->fd);
    free(of);
}

static void watch(struct connection *of, int operation, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = of};
    if (epoll_ctl(poller, operation, of->fd, &event))
        fail("epoll_ctl");
}

/* Send what is left of the answer; return 0 where the connection is lost. */
static int reply(struct connection *of) {
    while (of->sent < answer_size) {
        ssize_t put = give(of, answer + of->sent, answer_size - of->sent);
        if (put < 0 && errno == EAGAIN) {
            watch(of, EPOLL_CTL_MOD, EPOLLOUT);
            of->blocked = 1;
            return 1;
        }
        if (put < 0)
            return 0;
        of->sent += put;
    }
    if (of->blocked)
        watch(of, EPOLL_CTL_MOD, EPOLLIN);
    of->answering = of->blocked = 0;
    of->sent = of->filled = 0;
    of->left = -1;
    return 1;
}

static int whole(struct connection *of) {
    requests++;
    of->answering = 1;
    if (!delay_ms)
        return reply(of);
    of->due_ms = now_ms() + delay_ms;
    of->next = NULL;
    if (last)
        last->next = of;
    else
        first = of;
    last = of;
    return 1;
}

/* Look whether the head is in; return 0 where it makes no sense. */
static int begin(struct connection *of) {
    of->head[of->filled] = 0;
    char *end = strstr(of->head, "\r\n\r\n");
    if (!end)
        return of->filled < HEAD - 1;
    *end = 0;
    char *length = strcasestr(of->head, "\r\ncontent-length:");
    if (strcasestr(of->head, "\r\ntransfer-encoding:"))
        return 0;
    if (strcasestr(of->head, "\r\nexpect: 100-continue") && give(of, "HTTP/1.1 100 Continue\r\n\r\n", 25) != 25)
        return 0;
    long long size = length ? atoll(length + 17) : 0;
    long long came = (long long)of->filled - (end + 4 - of->head);
    bytes += size;
    of->left = size - came;
    return of->left >= 0;
}

static int read_on(struct connection *of) {
    for (;;) {
        if (of->answering) {
            /* Nobody sends before the answer is there: it went away. */
            char byte;
            return of->blocked || (recv(of->fd, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN);
        }
        ssize_t got = of->left < 0 ? take(of, of->head + of->filled, HEAD - 1 - of->filled)
                                   : take(of, NULL, of->left < SWALLOW ? (size_t)of->left : SWALLOW);
        if (got < 0 && errno == EAGAIN)
            return 1;
        if (got <= 0)
            return 0;
        if (of->left < 0) {
            of->filled += got;
            if (!begin(of))
                return 0;
        } else
            of->left -= got;
        if (of->left == 0 && !whole(of))
            return 0;
    }
}

static void welcome(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *made = calloc(1, sizeof *made);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        made->fd = fd;
        made->left = -1;
#ifdef WITH_TLS
        if (tls) {
            made->ssl = SSL_new(tls);
            SSL_set_fd(made->ssl, fd);
            SSL_set_accept_state(made->ssl);
        }
#endif
        watch(made, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void load(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        fail(path);
    long size = ftell(file);
    rewind(file);
    answer = malloc(size + 256);
    int head = sprintf(
        answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: sink\r\nContent-Length: %ld\r\n\r\n", size
    );
    if (fread(answer + head, 1, size, file) != (size_t)size)
        fail(path);
    answer_size = head + size;
    fclose(file);
}

int main(int count, char **arguments) {
    if (count != 3 && count != 5) {
        fprintf(stderr, "usage: sink ANSWER-FILE DELAY-MS [CERTIFICATE KEY]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    load(arguments[1]);
    delay_ms = atoll(arguments[2]);
    if (count == 5) {
#ifdef WITH_TLS
        tls = SSL_CTX_new(TLS_server_method());
        SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE);
        if (SSL_CTX_use_certificate_chain_file(tls, arguments[3]) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls, arguments[4], SSL_FILETYPE_PEM) != 1) {
            fprintf(stderr, "the certificate cannot be used\n");
            return 1;
        }
#else
        fprintf(stderr, "made without TLS\n");
        return 2;
#endif
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        fail("listen");
    poller = epoll_create1(0);
    struct epoll_event listening = {.events = EPOLLIN, .data.ptr = &listener};
    struct epoll_event asked = {.events = EPOLLIN, .data.ptr = &poller};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &listening) || epoll_ctl(poller, EPOLL_CTL_ADD, 0, &asked))
        fail("epoll_ctl");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS];
        long long wait = first ? first->due_ms - now_ms() : -1;
        int ready = epoll_wait(poller, events, EVENTS, first && wait < 0 ? 0 : (int)wait);
        for (int each = 0; each < ready; each++) {
            if (events[each].data.ptr == &listener) {
                welcome(listener);
                continue;
            }
            if (events[each].data.ptr == &poller) {
                char line[64];
                if (read(0, line, sizeof line) <= 0)
                    return 0;
                printf("%lld %lld\n", requests, bytes);
                fflush(stdout);
                requests = bytes = 0;
                continue;
            }
            struct connection *of = events[each].data.ptr;
            int good = 1;
            if (events[each].events & EPOLLOUT)
                good = reply(of);
            else if (events[each].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                good = read_on(of);
            if (!good)
                drop(of);
        }
        for (long long now = first ? now_ms() : 0; first && first->due_ms <= now;) {
            struct connection *of = first;
            first = of->next;
            if (!first)
                last = NULL;
            if (!reply(of))
                drop(of);
        }
    }
}
