// The Go side of the benchmark. It prints a ready line, then runs a round for each line
// "round MODE IN_FLIGHT COUNT" on standard input and answers each with one line; it ends with the input.
// Mode async keeps IN_FLIGHT callbacks open from one goroutine, sync runs IN_FLIGHT goroutines that each wait
// for their answer.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"
)

type result struct {
	Peer            string  `json:"peer"`
	Mode            string  `json:"mode"`
	InFlight        int     `json:"inFlight"`
	Size            int     `json:"size"`
	Count           int     `json:"count"`
	MsgPerSec       float64 `json:"msgPerSec"`
	CpuMicrosPerMsg float64 `json:"cpuMicrosPerMsg"`
	P50Ms           float64 `json:"p50Ms"`
	P99Ms           float64 `json:"p99Ms"`
	Errors          int64   `json:"errors"`
}

type bench struct {
	producer rocketmq.Producer
	topic    string
	body     []byte
	errors   atomic.Int64
	took     []time.Duration
}

func (b *bench) settle(index int, sent time.Time, answer *primitive.SendResult, err error) {
	b.took[index] = time.Since(sent)
	if err != nil || answer == nil || answer.Status != primitive.SendOK {
		b.errors.Add(1)
	}
}

func (b *bench) async(inFlight, count int) {
	window := make(chan struct{}, inFlight)
	var open sync.WaitGroup
	open.Add(count)
	for i := 0; i < count; i++ {
		window <- struct{}{}
		index, sent := i, time.Now()
		var once sync.Once // after an error this client calls back a second time
		done := func(answer *primitive.SendResult, err error) {
			once.Do(func() {
				b.settle(index, sent, answer, err)
				<-window
				open.Done()
			})
		}
		err := b.producer.SendAsync(context.Background(), func(_ context.Context, answer *primitive.SendResult, err error) {
			done(answer, err)
		}, primitive.NewMessage(b.topic, b.body))
		if err != nil {
			done(nil, err)
		}
	}
	open.Wait()
}

func (b *bench) sync(lanes, count int) {
	var next atomic.Int64
	var open sync.WaitGroup
	open.Add(lanes)
	for lane := 0; lane < lanes; lane++ {
		go func() {
			defer open.Done()
			for i := int(next.Add(1) - 1); i < count; i = int(next.Add(1) - 1) {
				sent := time.Now()
				answer, err := b.producer.SendSync(context.Background(), primitive.NewMessage(b.topic, b.body))
				b.settle(i, sent, answer, err)
			}
		}()
	}
	open.Wait()
}

// batches sends lists of 100, with about as many messages in flight as the other modes have.
func (b *bench) batches(inFlight, count int) {
	const batch = 100
	var next atomic.Int64
	var open sync.WaitGroup
	for lane := 0; lane*batch < inFlight; lane++ {
		open.Add(1)
		go func() {
			defer open.Done()
			for from := int(next.Add(batch)) - batch; from < count; from = int(next.Add(batch)) - batch {
				messages := make([]*primitive.Message, min(batch, count-from))
				for i := range messages {
					messages[i] = primitive.NewMessage(b.topic, b.body)
				}
				sent := time.Now()
				answer, err := b.producer.SendSync(context.Background(), messages...)
				for i := range messages {
					b.settle(from+i, sent, answer, err)
				}
			}
		}()
	}
	open.Wait()
}

func (b *bench) round(mode string, inFlight, count int) result {
	b.took = make([]time.Duration, count)
	b.errors.Store(0)
	cpu := processCPU()
	begin := time.Now()
	switch mode {
	case "async":
		b.async(inFlight, count)
	case "batch100":
		b.batches(inFlight, count)
	default:
		b.sync(inFlight, count)
	}
	elapsed := time.Since(begin)
	cpu = processCPU() - cpu
	slices.Sort(b.took)
	millis := func(d time.Duration) float64 { return float64(d) / 1e6 }
	return result{
		Peer: "go", Mode: mode, InFlight: inFlight, Size: len(b.body), Count: count,
		MsgPerSec:       math.Round(float64(count) / elapsed.Seconds()),
		CpuMicrosPerMsg: math.Round(float64(cpu)/10/float64(count)) / 100,
		P50Ms:           millis(b.took[count/2]), P99Ms: millis(b.took[count*99/100]),
		Errors: b.errors.Load(),
	}
}

func processCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func main() {
	namesrv := flag.String("namesrv", "", "name server address")
	topic := flag.String("topic", "", "topic")
	size := flag.Int("size", 1024, "body size in bytes")
	flag.Parse()
	rlog.SetLogLevel("fatal")

	p, err := rocketmq.NewProducer(
		producer.WithNameServer(primitive.NamesrvAddr{*namesrv}),
		producer.WithGroupName("bench-go"),
		producer.WithSendMsgTimeout(10*time.Second),
		producer.WithCompressMsgBodyOverHowmuch(math.MaxInt32),
	)
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	b := &bench{producer: p, topic: *topic, body: bytes.Repeat([]byte("x"), *size)}
	fmt.Println(`{"ready":true,"peer":"go"}`)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var mode string
		var inFlight, count int
		if n, _ := fmt.Sscanf(in.Text(), "round %s %d %d", &mode, &inFlight, &count); n != 3 {
			continue
		}
		line, err := json.Marshal(b.round(mode, inFlight, count))
		if err != nil {
			panic(err)
		}
		fmt.Println(string(line))
	}
	_ = p.Shutdown()
}
