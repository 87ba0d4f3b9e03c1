// kmock BROKERS: a Kafka cluster of librdkafka's own mock, for tests, in a process of its own.
//
// Says "BOOTSTRAP host:port,..." on standard output, then answers each command on standard input with "ok" or "err NAME". Ends with its
// standard input, hence with the process that started it, however that ended.
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { injected_max = 1000, known = -1 };

// Answers the next `count` requests of one kind with an error, whichever broker they come to.
static void inject(rd_kafka_mock_cluster_t *cluster, int api, int error, int count) {
    rd_kafka_resp_err_t errors[injected_max];
    if (count < 1) count = 1;
    if (count > injected_max) count = injected_max;
    for (int i = 0; i < count; i++) errors[i] = (rd_kafka_resp_err_t)error;
    rd_kafka_mock_push_request_errors_array(cluster, (int16_t)api, (size_t)count, errors);
}

// An error of librdkafka's, or `known` where the command is none.
static int obey(rd_kafka_mock_cluster_t *cluster, char *line) {
    char command[32] = "", a[256] = "", b[256] = "", c[256] = "", d[64] = "";
    if (sscanf(line, "%31s %255s %255s %255s %63s", command, a, b, c, d) < 1) return known;
    // topic NAME PARTITIONS REPLICAS
    if (!strcmp(command, "topic")) return rd_kafka_mock_topic_create(cluster, a, atoi(b), atoi(c));
    // down BROKER, up BROKER: leadership stays where it is.
    if (!strcmp(command, "down")) return rd_kafka_mock_broker_set_down(cluster, atoi(a));
    if (!strcmp(command, "up")) return rd_kafka_mock_broker_set_up(cluster, atoi(a));
    // rtt BROKER MILLISECONDS
    if (!strcmp(command, "rtt")) return rd_kafka_mock_broker_set_rtt(cluster, atoi(a), atoi(b));
    // leader TOPIC PARTITION BROKER
    if (!strcmp(command, "leader")) return rd_kafka_mock_partition_set_leader(cluster, a, atoi(b), atoi(c));
    // coordinator GROUP BROKER
    if (!strcmp(command, "coordinator")) return rd_kafka_mock_coordinator_set(cluster, "group", a, atoi(b));
    // topicerror TOPIC CODE
    if (!strcmp(command, "topicerror")) return rd_kafka_mock_topic_set_error(cluster, a, (rd_kafka_resp_err_t)atoi(b)), 0;
    // error APIKEY CODE COUNT
    if (!strcmp(command, "error")) return inject(cluster, atoi(a), atoi(b), atoi(c)), 0;
    return known;
}

int main(int argc, char **argv) {
    char message[512], line[1024];
    setvbuf(stdout, NULL, _IOLBF, 0);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), message, sizeof message);
    rd_kafka_mock_cluster_t *cluster = client ? rd_kafka_mock_cluster_new(client, argc > 1 ? atoi(argv[1]) : 1) : NULL;
    if (!cluster) return 1;
    printf("BOOTSTRAP %s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    while (fgets(line, sizeof line, stdin)) {
        int error = obey(cluster, line);
        if (error == known) printf("err unknown command\n");
        else if (error) printf("err %s\n", rd_kafka_err2name((rd_kafka_resp_err_t)error));
        else printf("ok\n");
    }
    // At once, whatever its threads do: nobody waits for a tidy end.
    _exit(0);
}
