// Consumers of rocketmq-client-go, driven over standard input like the Java program of the same name: the same words, and the same
// lines in answer.
//
//	push NAME key=value ...   a push consumer: group, topic, tags or sql, model, orderly, from, timestamp (yyyyMMddHHmmss, UTC), max
//	                          (reconsume times), fail (how often a message fails), level (delay level of a failed one), vip
//	lite NAME key=value ...   a pull consumer that polls and acknowledges: group, topic, tags, from
//	read NAME key=value ...   pulls queues 0 to queues-1 of a topic from their beginning, and commits how far it came: group, topic, queues
//	stop NAME                 shuts it down
//
// Every message is a line that names its consumer. Values are URL encoded. --namesrv A
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/rlog"
)

const (
	brokerName = "broker-a"
	batch      = 32
)

var (
	namesrv string
	stops   = map[string]func() error{}
	output  sync.Mutex
)

type line map[string]any

func print(value line) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	output.Lock()
	defer output.Unlock()
	fmt.Println(string(text))
}

type settings map[string]string

func (s settings) number(name string) int {
	n, _ := strconv.Atoi(s[name])
	return n
}

func main() {
	flag.StringVar(&namesrv, "namesrv", "", "name server address")
	flag.Parse()
	rlog.SetLogLevel("fatal")
	print(line{"ready": true})
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		words := strings.Fields(in.Text())
		if len(words) < 2 {
			continue
		}
		given := settings{}
		for _, word := range words[2:] {
			key, value, _ := strings.Cut(word, "=")
			given[key], _ = url.QueryUnescape(value)
		}
		// Each on its own: to begin or to end takes this client seconds.
		go run(words[0], words[1], given)
	}
}

func run(verb, name string, given settings) {
	var err error
	answer := line{"started": name}
	switch verb {
	case "push":
		err = push(name, given)
	case "lite":
		err = poll(name, given)
	case "read":
		answer = line{"read": name}
		err = read(name, given, answer)
	case "stop":
		answer = line{"stopped": name}
		output.Lock()
		stop := stops[name]
		output.Unlock()
		err = stop()
	default:
		err = fmt.Errorf("unknown verb %s", verb)
	}
	if err != nil {
		answer = line{"failed": name, "error": err.Error()}
	}
	print(answer)
}

// Members of one process need names of their own.
func options(name string, given settings) []consumer.Option {
	chosen := []consumer.Option{
		consumer.WithNameServer(primitive.NamesrvAddr{namesrv}),
		consumer.WithGroupName(given["group"]),
		consumer.WithInstance(name),
		consumer.WithPullBatchSize(batch),
		consumer.WithVIPChannel(given["vip"] != ""),
	}
	switch given["from"] {
	case "CONSUME_FROM_LAST_OFFSET":
		chosen = append(chosen, consumer.WithConsumeFromWhere(consumer.ConsumeFromLastOffset))
	case "CONSUME_FROM_TIMESTAMP":
		chosen = append(chosen, consumer.WithConsumeFromWhere(consumer.ConsumeFromTimestamp))
	default:
		chosen = append(chosen, consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))
	}
	if given["timestamp"] != "" {
		chosen = append(chosen, consumer.WithConsumeTimestamp(given["timestamp"]))
	}
	if given["max"] != "" {
		chosen = append(chosen, consumer.WithMaxReconsumeTimes(int32(given.number("max"))))
	}
	if given["model"] == "BROADCASTING" {
		chosen = append(chosen, consumer.WithConsumerModel(consumer.BroadCasting))
	}
	if given["orderly"] != "" {
		chosen = append(chosen, consumer.WithConsumerOrder(true))
	}
	return chosen
}

func selector(given settings) consumer.MessageSelector {
	if given["sql"] != "" {
		return consumer.MessageSelector{Type: consumer.SQL92, Expression: given["sql"]}
	}
	if given["tags"] != "" {
		return consumer.MessageSelector{Type: consumer.TAG, Expression: given["tags"]}
	}
	return consumer.MessageSelector{}
}

func keep(name string, stop func() error) {
	output.Lock()
	defer output.Unlock()
	stops[name] = stop
}

func push(name string, given settings) error {
	c, err := rocketmq.NewPushConsumer(options(name, given)...)
	if err != nil {
		return err
	}
	failures := int32(given.number("fail"))
	err = c.Subscribe(given["topic"], selector(given),
		func(ctx context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			printMessages(name, messages)
			if messages[0].ReconsumeTimes >= failures {
				return consumer.ConsumeSuccess, nil
			}
			if given["orderly"] != "" {
				if orderly, ok := primitive.GetOrderlyCtx(ctx); ok {
					orderly.SuspendCurrentQueueTimeMillis = 200
				}
				return consumer.SuspendCurrentQueueAMoment, nil
			}
			if concurrently, ok := primitive.GetConcurrentlyCtx(ctx); ok {
				concurrently.DelayLevelWhenNextConsume = given.number("level")
			}
			return consumer.ConsumeRetryLater, nil
		})
	if err != nil {
		return err
	}
	keep(name, c.Shutdown)
	return c.Start()
}

func newPull(name string, given settings) (rocketmq.PullConsumer, error) {
	c, err := rocketmq.NewPullConsumer(options(name, given)...)
	if err != nil {
		return nil, err
	}
	if err = c.Subscribe(given["topic"], selector(given)); err != nil {
		return nil, err
	}
	return c, c.Start()
}

func poll(name string, given settings) error {
	c, err := newPull(name, given)
	if err != nil {
		return err
	}
	end := make(chan struct{})
	keep(name, func() error {
		close(end)
		return c.Shutdown()
	})
	go func() {
		for {
			select {
			case <-end:
				return
			default:
			}
			request, err := c.Poll(context.Background(), 200*time.Millisecond)
			if err != nil {
				continue
			}
			printMessages(name, request.GetMsgList())
			c.ACK(context.Background(), request, consumer.ConsumeSuccess)
		}
	}()
	return nil
}

func read(name string, given settings, answer line) error {
	c, err := newPull(name, given)
	if err != nil {
		return err
	}
	keep(name, c.Shutdown)
	ctx := context.Background()
	ends := []int64{}
	for id := 0; id < given.number("queues"); id++ {
		queue := &primitive.MessageQueue{Topic: given["topic"], BrokerName: brokerName, QueueId: id}
		next := int64(0)
		for {
			result, err := c.PullFrom(ctx, queue, next, batch)
			if err != nil {
				return err
			}
			printMessages(name, result.GetMessageExts())
			next = result.NextBeginOffset
			if next >= result.MaxOffset {
				break
			}
		}
		if err = c.UpdateOffset(queue, next); err != nil {
			return err
		}
		ends = append(ends, next)
	}
	answer["ends"] = ends
	return c.PersistOffset(ctx, given["topic"])
}

func printMessages(name string, messages []*primitive.MessageExt) {
	for _, message := range messages {
		print(line{
			"consumer":       name,
			"at":             time.Now().UnixMilli(),
			"topic":          message.Topic,
			"queueId":        message.Queue.QueueId,
			"queueOffset":    message.QueueOffset,
			"reconsumeTimes": message.ReconsumeTimes,
			"tags":           message.GetTags(),
			"body":           string(message.Body),
			"properties":     message.GetProperties(),
		})
	}
}
