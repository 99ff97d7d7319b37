/* The most that a plain program can do: push PORT FILE COUNT [write|sendfile]. Sends a form with FILE, COUNT times, over one
 * connection to 127.0.0.1, waits for each answer, and prints the seconds that it took. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 512 * 1024 };

static const char PREFIX[] = "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n"
                             "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n"
                             "Content-Type: audio/mpeg\r\n\r\n";
static const char SUFFIX[] = "\r\n--x--\r\n";
static char chunk[CHUNK];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void give(int fd, const char *data, size_t size, int flags) {
    while (size) {
        ssize_t put = send(fd, data, size, flags);
        if (put < 0)
            fail("send");
        data += put;
        size -= put;
    }
}

static void push(int fd, const char *path, int copies) {
    int file = open(path, O_RDONLY);
    struct stat about;
    if (file < 0 || fstat(file, &about))
        fail(path);
    char head[512];
    int size = snprintf(
        head, sizeof head,
        "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sk-x\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %lld\r\n\r\n",
        (long long)(sizeof PREFIX + sizeof SUFFIX - 2) + about.st_size
    );
    give(fd, head, size, MSG_MORE);
    give(fd, PREFIX, sizeof PREFIX - 1, MSG_MORE);
    off_t done = 0;
    while (done < about.st_size)
        if (copies) {
            ssize_t got = read(file, chunk, CHUNK);
            if (got <= 0)
                fail("read");
            give(fd, chunk, got, 0);
            done += got;
        } else if (sendfile(fd, file, &done, about.st_size - done) <= 0)
            fail("sendfile");
    close(file);
    give(fd, SUFFIX, sizeof SUFFIX - 1, 0);
    /* The sink's answers are short, and come in one piece. */
    ssize_t got = recv(fd, chunk, CHUNK, 0);
    if (got < 12 || memcmp(chunk, "HTTP/1.1 200", 12))
        fail("answer");
}

int main(int count, char **arguments) {
    if (count < 4) {
        fprintf(stderr, "usage: push PORT FILE COUNT [write|sendfile]\n");
        return 2;
    }
    int copies = count < 5 || strcmp(arguments[4], "sendfile");
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(atoi(arguments[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
    };
    if (connect(fd, (struct sockaddr *)&address, sizeof address))
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    for (int each = 0; each < atoi(arguments[3]); each++)
        push(fd, arguments[2], copies);
    clock_gettime(CLOCK_MONOTONIC, &after);
    printf("%.6f\n", after.tv_sec - before.tv_sec + (after.tv_nsec - before.tv_nsec) / 1e9);
    return 0;
}
