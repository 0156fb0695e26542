// SPDX-License-Identifier: Apache-2.0
// Nodes of a network that are called by a virtual function, as in runtimes that nobody rebuilt, and prints how often
// each was called and what it computed.
//
//     virtual_nodes PASSES [--threads N] [--fork] [--exec N] [--pair] [--signals]
//
// Each thread runs so many passes over nodes of its own. --fork: half of the way a child is forked that runs as many.
// --exec N: becomes itself again, N times. --pair: another process runs at the same time. --signals: a handler that
// comes at any moment calls a node too.
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace nodes {

struct Answer { // returned in memory: the object is the second argument then
	double sum;
	long calls, most;
};

class Node {
public:
	explicit Node(std::string called) : name(std::move(called)) {}
	virtual ~Node() = default;
	virtual Answer run(double factor, long pass) = 0;
	__attribute__((noinline)) virtual long weigh(long pass, double, long two, long three, long four,
						     const long (&five)[2], Answer six, long seven);

	std::string name;
	long calls = 0;
};

// More than there are registers for.
long Node::weigh(long pass, double factor, long two, long three, long four, const long (&five)[2], Answer six,
		 long seven)
{
	return pass + 2 * two + 3 * three + 4 * four + 5 * (five[0] - five[1]) + 6 * six.most + 7 * seven +
	       static_cast<long>(factor);
}

class Add : public Node {
public:
	using Node::Node;
	Answer run(double factor, long pass) override
	{
		calls++;
		return {factor + static_cast<double>(pass % 10), calls, pass};
	}
};

class Twice : public Add { // calls what it overrides, which is no node of its own
public:
	using Add::Add;
	Answer run(double factor, long pass) override
	{
		Answer answer = Add::run(factor, pass);
		answer.sum *= 2;
		return answer;
	}
};

class Failing : public Node {
public:
	using Node::Node;
	Answer run(double factor, long pass) override
	{
		calls++;
		if (pass % 7 == 0)
			throw std::runtime_error("each seventh");
		return {factor, calls, pass};
	}
};

class Block : public Node {
public:
	Block(std::string called, std::string first, std::string second)
		: Node(std::move(called)), first_(std::move(first)), second_(std::move(second))
	{
	}
	Answer run(double factor, long pass) override
	{
		calls++;
		Node &inner = pass % 2 == 0 ? static_cast<Node &>(first_) : second_;
		return inner.run(factor / 2, pass);
	}
	long first_calls() const { return first_.calls; }

private:
	Add first_;
	Twice second_;
};

} // namespace nodes

namespace {

using nodes::Node;

nodes::Add *in_handler = nullptr;

void handle(int)
{
	Node *const node = in_handler;
	node->run(1.0, 1);
}

void spin(std::chrono::nanoseconds time)
{
	const auto end = std::chrono::steady_clock::now() + time;
	while (std::chrono::steady_clock::now() < end) {
	}
}

} // namespace

extern "C" __attribute__((noinline)) double nodes_pass(Node **first, std::size_t count, long pass, long *thrown)
{
	double sum = 0;
	const long five[] = {pass, 1};
	sum += static_cast<double>(first[0]->weigh(pass, 0.5, 1, pass % 3, 5, five, {0.5, 3, pass % 7}, pass % 11));
	for (std::size_t i = 0; i < count; i++) {
		try {
			sum += first[i]->run(0.5, pass).sum;
		} catch (const std::runtime_error &) {
			(*thrown)++;
		}
	}
	spin(std::chrono::microseconds(4));
	return sum;
}

namespace {

struct Work {
	long passes = 0;
	double sum = 0;
	long thrown = 0;

	void run(bool forks)
	{
		nodes::Add plain("plain");
		nodes::Twice twice("a name that does not fit into a small string");
		nodes::Failing failing("failing");
		nodes::Block block("block", "inner", "other inner");
		nodes::Add renamed("odd");
		Node *all[] = {&plain, &twice, &failing, &block, &renamed};
		for (long pass = 1; pass <= passes; pass++) {
			renamed.name = pass % 2 == 0 ? "even" : "odd";
			sum += nodes_pass(all, std::size(all), pass, &thrown);
			if (forks && pass == passes / 2) {
				const pid_t child = fork();
				if (child == 0) {
					Work other{passes};
					other.run(false);
					_exit(other.thrown == passes / 7 ? 0 : 1);
				}
				int status = 0;
				waitpid(child, &status, 0);
				if (status != 0)
					abort();
			}
		}
	}
};

long number_behind(int count, char **words, const char *option)
{
	for (int i = 2; i + 1 < count; i++)
		if (std::strcmp(words[i], option) == 0)
			return std::atol(words[i + 1]);
	return 0;
}

bool has(int count, char **words, const char *option)
{
	for (int i = 2; i < count; i++)
		if (std::strcmp(words[i], option) == 0)
			return true;
	return false;
}

} // namespace

int main(int count, char **words)
{
	if (count < 2)
		return 2;
	const long passes = std::atol(words[1]), threads = number_behind(count, words, "--threads");
	pid_t other = 0;
	if (has(count, words, "--pair") && (other = fork()) == 0)
		execl("/proc/self/exe", words[0], words[1], nullptr);
	nodes::Add handled("in handler");
	if (has(count, words, "--signals")) {
		in_handler = &handled;
		struct sigaction action = {};
		action.sa_handler = handle;
		action.sa_flags = SA_RESTART;
		sigaction(SIGALRM, &action, nullptr);
		const itimerval often{{0, 30}, {0, 30}};
		setitimer(ITIMER_REAL, &often, nullptr);
	}
	std::vector<Work> works(static_cast<std::size_t>(threads > 0 ? threads : 1), Work{passes});
	std::vector<std::thread> running;
	for (Work &work : works)
		if (threads > 0)
			running.emplace_back([&work] { work.run(false); });
		else
			work.run(has(count, words, "--fork"));
	for (std::thread &one : running)
		one.join();
	const itimerval never{};
	setitimer(ITIMER_REAL, &never, nullptr);
	if (other > 0)
		waitpid(other, nullptr, 0);
	Work total;
	for (const Work &work : works) {
		total.sum += work.sum;
		total.thrown += work.thrown;
	}
	std::printf("sum %.3f thrown %ld handled %ld\n", total.sum, total.thrown, handled.calls);
	std::fflush(stdout);
	if (const long again = number_behind(count, words, "--exec"); again > 0)
		execl("/proc/self/exe", words[0], words[1], "--exec", std::to_string(again - 1).c_str(), nullptr);
	return 0;
}
