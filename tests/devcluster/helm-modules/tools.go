//go:build tools

// Package tools pins Helm: its dependencies disagree with those of Kubernetes itself.
package tools

import _ "helm.sh/helm/v4/cmd/helm"
